"""Makes a key and reads a balance with the clients that PyPI's `openapi-python-client` makes of both APIs' descriptions.

The scenario generates them, as the packages `farebox_admin` and `farebox_customer`, into a folder that it names.

In, as JSON on standard input: {gateway, token, email, clients: the folder}. Out: {admin: {key, balance}, customer: {key, balance, by_key}}.
"""

import json
import re
import sys

given = json.load(sys.stdin)
sys.path.insert(0, given["clients"])

from farebox_admin import AuthenticatedClient as Admin
from farebox_admin.api.accounts import create_account
from farebox_admin.api.credentials import create_credential as create_admin_credential
from farebox_admin.api.money import recharge, show_balance as show_admin_balance
from farebox_admin.models import AccountName, CredentialWanted as AdminCredentialWanted, Recharge
from farebox_customer import AuthenticatedClient, Client
from farebox_customer.api.credentials import create_credential
from farebox_customer.api.money import show_balance
from farebox_customer.api.persons import ask_sign_in, finish_sign_in, show_mailbox
from farebox_customer.models import CredentialWanted, Problem, SignInProof, SignInWanted


def done(answer):
    """What a call gave; a problem document is an error."""
    assert answer is not None and not hasattr(answer, "code"), answer
    return answer


def as_provider():
    api = Admin(base_url=f"{given['gateway']}/_farebox/admin/v1", token=given["token"])
    account = done(create_account.sync(client=api, body=AccountName(name="Generated"))).id
    key = f"generated-{account}"
    made = done(create_admin_credential.sync(account, client=api, idempotency_key=key, body=AdminCredentialWanted(name="py")))
    done(recharge.sync(account, client=api, idempotency_key=key, body=Recharge(amount="2.50", currency="USD")))
    return {"key": made.api_key, "balance": done(show_admin_balance.sync(account, client=api)).balance}


def as_customer():
    base = f"{given['gateway']}/_farebox/v1"
    # A browser says where its page is of, and keeps cookies, as the client does.
    api = Client(base_url=base, headers={"origin": given["gateway"]})
    with api:
        done(ask_sign_in.sync(client=api, body=SignInWanted(email=given["email"])))
        letter = next(letter for letter in done(show_mailbox.sync(client=api)).items if letter.to == given["email"])
        code = re.search(r"^\d{6}$", letter.text, re.MULTILINE).group()
        account = done(finish_sign_in.sync(client=api, body=SignInProof(code=code))).accounts[0].id
        made = done(create_credential.sync(account, client=api, body=CredentialWanted(name="py")))
        balance = done(show_balance.sync(account, client=api)).balance
    by_key = AuthenticatedClient(base_url=base, token=made.api_key)
    assert isinstance(show_balance.sync("another", client=by_key), Problem), "it is told of no other account"
    return {"key": made.api_key, "balance": balance, "by_key": done(show_balance.sync("mine", client=by_key)).balance}


print(json.dumps({"admin": as_provider(), "customer": as_customer()}))
