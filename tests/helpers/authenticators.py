"""An app that makes codes, as the one on a phone. It is another library than the product's."""

import base64
import time
from dataclasses import dataclass
from typing import Any

from otpauth import TOTP

from tests.helpers.people import PASSWORD, Person
from tests.helpers.support import Answer, Client

STEP = 30  # seconds


@dataclass
class App:
    """An app with the secret of one account, and the recovery codes that its owner has written down."""

    secret: str
    recovery_codes: list[str]
    steps_used: int = 0

    def code(self, steps: int = 0) -> str:
        """Return the code of now, or of so many time steps later."""
        left = STEP - time.time() % STEP
        if left < 2:
            time.sleep(left)  # so that the code is as old as the test wants when it arrives
        totp = TOTP(base64.b32decode(self.secret))
        return totp.string_code(totp.generate(int(time.time()) + steps * STEP))

    def next_code(self) -> str:
        """Return a code that was not used before: the app's clock is at most one step ahead of ours."""
        self.steps_used += 1
        return self.code(self.steps_used - 1)


def start(api: Client, person: Person, **body: Any) -> Answer:
    """Ask for the secret of a second factor."""
    return api.post("/v1/me/second-factor", {"current_password": PASSWORD, **body}, headers=person.headers)


def confirm(api: Client, person: Person, code: str) -> Answer:
    """Prove that the app has the secret."""
    return api.post("/v1/me/second-factor/confirm", {"code": code}, headers=person.headers)


def set_up(api: Client, person: Person) -> App:
    """Set a second factor up. The code that confirms it is one step old, so the app has fresh ones."""
    app = App(start(api, person).json["secret"], [])
    answer = confirm(api, person, app.code(-1))
    assert answer.status == 200, answer.body
    app.recovery_codes = answer.json["recovery_codes"]
    return app


def needed(api: Client, person: Person) -> str:
    """Log in with the password. Return the token that waits for the second factor."""
    answer = api.post("/v1/sessions", {"email": person.email, "password": PASSWORD})
    assert (answer.status, answer.code) == (401, "second_factor_needed"), answer.body
    return str(answer.json["second_factor_token"])


def finish(api: Client, token: str, code: str, **body: Any) -> Answer:
    """Send the code that a log-in waits for."""
    return api.post("/v1/sessions/second-factor", {"second_factor_token": token, "code": code, **body})
