"""A real LNbits server with its FakeWallet, on a free port of loopback; ends when its input ends.

Argument: an empty folder. Prints one line of JSON: the port, and a funded buyer, a funded seller and an empty
wallet with their keys. FakeWallet signs mainnet invoices and settles payments between its own wallets; every other
payment fails for good. One thing is put right: FakeWallet forgets the feature bits that BOLT 11 demands next to a
payment secret, which every real node writes and every strict reader misses.
"""

import asyncio
import json
import os
import socket
import sys
import threading

FUNDS_SAT = {"buyer": 100_000, "seller": 1_000, "empty": 0}
PASSWORD = "a password for this test"
SETTINGS = {
    "LNBITS_BACKEND_WALLET_CLASS": "FakeWallet",
    "FAKE_WALLET_SECRET": "a secret for this test",
    "LNBITS_ADMIN_UI": "true",
    "LNBITS_SITE_TITLE": "kilosat-test",
    "LNBITS_EXTENSIONS_DEFAULT_INSTALL": "",
    "LNBITS_PRICE_AGGREGATOR_ENABLED": "false",
    "LNBITS_RATE_LIMIT_NO": "100000",
    "AUTH_HTTPS_ONLY": "false",
    "AUTH_ALLOWED_METHODS": "user-id-only, username-password",
}


def prepare(folder):
    """LNbits reads its settings when it is imported, and its static files from below the working directory."""
    import importlib.util

    package = os.path.dirname(importlib.util.find_spec("lnbits").origin)
    os.makedirs(os.path.join(folder, "lnbits"))
    os.symlink(os.path.join(package, "static"), os.path.join(folder, "lnbits", "static"))
    os.environ.update(SETTINGS)
    os.environ["LNBITS_DATA_FOLDER"] = os.path.join(folder, "data")
    os.environ["LNBITS_EXTENSIONS_PATH"] = os.path.join(folder, "extensions")
    os.chdir(folder)


def add_feature_bits():
    """BOLT 11, feature bits: the onion format and the payment secret are required, parts are allowed."""
    from bolt11 import TagChar
    from bolt11.models.features import Feature, Features, FeatureState
    from lnbits.wallets import fake

    sign = fake.encode
    bits = {
        Feature.var_onion_optin: FeatureState.required,
        Feature.payment_secret: FeatureState.required,
        Feature.basic_mpp: FeatureState.supported,
    }

    def sign_with_features(invoice, key):
        invoice.tags.add(TagChar.features, Features.from_feature_list(bits))
        return sign(invoice, key)

    fake.encode = sign_with_features


def end_with_input():
    sys.stdin.read()
    os._exit(0)


async def set_up(base):
    """The administrator, three accounts, and their money. Without a currency no wallet asks for exchange rates."""
    import httpx

    async with httpx.AsyncClient(base_url=base, timeout=60) as client:

        async def call(method, path, body, **headers):
            answer = await client.request(method, path, json=body, headers=headers)
            answer.raise_for_status()
            return answer.json()

        first = {"username": "admin", "password": PASSWORD, "password_repeat": PASSWORD}
        token = (await call("PUT", "/api/v1/auth/first_install", first))["access_token"]
        wallets = {}
        for name, sat in FUNDS_SAT.items():
            wallet = await call("POST", "/api/v1/account", {"name": name})
            await call("PATCH", "/api/v1/wallet", {"currency": ""}, **{"X-Api-Key": wallet["adminkey"]})
            if sat:
                credit = {"id": wallet["id"], "amount": sat}
                await call("PUT", "/users/api/v1/balance", credit, Authorization=f"Bearer {token}")
            wallets[name] = {key: wallet[key] for key in ("id", "adminkey", "inkey")}
        return wallets


async def main(answers):
    import uvicorn

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    # Requests wait until the server has started.
    listener.listen(16)
    port = listener.getsockname()[1]
    config = uvicorn.Config("lnbits.__main__:app", log_config=None, access_log=False)
    serving = asyncio.create_task(uvicorn.Server(config).serve(sockets=[listener]))
    wallets = await set_up(f"http://127.0.0.1:{port}")
    print(json.dumps({"port": port, "wallets": wallets}), file=answers, flush=True)
    await serving


if __name__ == "__main__":
    prepare(sys.argv[1])
    threading.Thread(target=end_with_input, daemon=True).start()
    # LNbits logs to standard output; only the answer belongs there.
    own_output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    add_feature_bits()
    asyncio.run(main(own_output))
