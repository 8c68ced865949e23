"""Pays at the new provider, in a process of its own: ``python -m tests.helpers.new_provider.pay COPY ORDER``.

COPY is a folder with copies of the layer and the functions, to which the new provider was added. It must be first on
the path.
"""

import json
import sys
from pathlib import Path
from uuid import UUID

from boxoffice import openapi
from tests.helpers.payers import ACCOUNTS_AT_PROVIDERS, start
from tests.helpers.provider_servers import put_account, send_webhook
from tests.helpers.support import Client


def main(copy: str, order: str) -> None:
    """Pay the order, send its webhook twice and a forged one, and print the answers as JSON."""
    for path, text in openapi.generate(Path(copy)).items():  # as `make openapi` does
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    put_account("coins", ACCOUNTS_AT_PROVIDERS["coins"])
    api = Client()
    payment = start(api, UUID(order), provider="coins").json
    event = {"id": "coins_1", "payment_id": payment["id"], "amount": payment["amount"], "currency": payment["currency"]}
    answers = [send_webhook(api, "coins", event).json for _ in range(2)]
    forged = api.post("/v1/webhooks/coins", event, headers={"X-Coins-Secret": "guessed"}).code
    json.dump({"url": payment["url"], "answers": answers, "forged": forged}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
