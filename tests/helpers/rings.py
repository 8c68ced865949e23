"""Key rings that one test uses, in moto's Secrets Manager."""

import json
from uuid import uuid4

from tests.helpers.secret_marks import MARK


class KeyRing:
    """A key ring, which begins with one key."""

    def __init__(self) -> None:
        import boto3

        self.id = f"ring-{uuid4().hex}"
        self.keys = {"1": _random()}
        self._current = "1"
        self._secrets = boto3.client("secretsmanager")
        self._secrets.create_secret(Name=self.id, SecretString=self._text())

    def rotate(self) -> None:
        """Add a key, and sign with it from now on."""
        self._current = str(int(self._current) + 1)
        self.keys[self._current] = _random()
        self._put()

    def take_out(self, key_id: str) -> None:
        """Take a key out of the ring, so that what it signed is no longer valid."""
        del self.keys[key_id]
        self._put()

    def _put(self) -> None:
        self._secrets.put_secret_value(SecretId=self.id, SecretString=self._text())

    def _text(self) -> str:
        return json.dumps({"current": self._current, **self.keys})


def _random() -> str:
    return f"{MARK}-{uuid4().hex}{uuid4().hex}"
