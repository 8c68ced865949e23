"""Which decisions an organisation's status allows, slugs of names in any script, and roles."""

import re
from itertools import product
from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from boxoffice.organisations import rules
from boxoffice.organisations.errors import ApplicationNotPossible, DecisionNotPossible
from boxoffice.organisations.models import (
    RESERVED_SLUGS,
    Decision,
    DecisionRequest,
    OrganisationPatch,
    OrganisationStatus,
    Slug,
)

# What follows from each decision that is possible. All others are refused.
TRANSITIONS: dict[tuple[OrganisationStatus, Decision], OrganisationStatus] = {
    ("pending", "approve"): "approved",
    ("pending", "reject"): "rejected",
    ("approved", "suspend"): "suspended",
    ("rejected", "approve"): "approved",
    ("suspended", "approve"): "approved",
}
EVERY_CHOICE = list(product(get_args(OrganisationStatus.__value__), get_args(Decision.__value__)))


@pytest.mark.parametrize(("auto_approve", "status"), [(True, "approved"), (False, "pending")])
def test_a_new_organisation_sells_at_once_where_all_are_approved(auto_approve: bool, status: str) -> None:
    assert rules.initial_status(auto_approve=auto_approve) == status


@pytest.mark.parametrize(("status", "decision"), EVERY_CHOICE)
def test_a_decision_leads_to_a_status_or_is_refused(status: OrganisationStatus, decision: Decision) -> None:
    if (status, decision) in TRANSITIONS:
        assert rules.status_after(status, decision) == TRANSITIONS[status, decision]
        return
    with pytest.raises(DecisionNotPossible) as refusal:
        rules.status_after(status, decision)
    possible = [choice for before, choice in TRANSITIONS if before == status]
    assert refusal.value.facts == {"organisation_status": status, "decisions": possible}


def test_the_same_decision_for_the_same_reason_was_made_before() -> None:
    assert rules.is_decided("suspended", "Fraud", "suspend", "Fraud")
    assert rules.is_decided("approved", None, "approve", None)
    assert not rules.is_decided("suspended", "Fraud", "suspend", "Another reason")
    assert not rules.is_decided("pending", "Fraud", "reject", "Fraud")


@pytest.mark.parametrize("status", ["pending", "approved", "suspended"])
def test_only_a_rejected_organisation_can_apply_again(status: OrganisationStatus) -> None:
    rules.check_may_apply_again("rejected")
    with pytest.raises(ApplicationNotPossible):
        rules.check_may_apply_again(status)


@pytest.mark.parametrize("decision", ["reject", "suspend"])
@pytest.mark.parametrize("reason", [None, "", "  ", "x" * 2001, "\0"])
def test_whoever_refuses_says_why(decision: str, reason: str | None) -> None:
    with pytest.raises(ValidationError):
        DecisionRequest.model_validate({"decision": decision, "reason": reason})
    assert DecisionRequest.model_validate({"decision": decision, "reason": "Fraud"}).reason == "Fraud"
    assert DecisionRequest.model_validate({"decision": "approve"}).reason is None


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Freedom Park", "freedom-park"),
        ("  Ada's & Bola's -- Live! ", "adas-bolas-live"),
        ("Größe & Café", "grosse-cafe"),
        ("Ẹ̀kọ́ Jazz", "eko-jazz"),
        ("تئاتر شهر تهران", "titr-shhr-thrn"),
        ("කොළඹ නාට්‍ය ශාලාව", "kolmb-naty-salav"),
        ("🎪🎉", "circus-tent-tada"),
        ("東京ドーム", "dongjingdomu"),
        (
            "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz GmbH",
            "rindfleischetikettierungsuberwachungsaufgabenubertrag",
        ),
        ("Freunde der Donaudampfschifffahrtsgesellschaftskapitänsmütze e. V.", "freunde-der"),
    ],
)
def test_a_name_in_any_script_gives_a_slug(name: str, slug: str) -> None:
    assert rules.slug_of(name, attempt=0) == slug
    assert re.fullmatch(rf"{slug}-[2-9b-z]{{6}}", rules.slug_of(name, attempt=1))
    for attempt in (0, 1):
        TypeAdapter(Slug).validate_python(rules.slug_of(name, attempt))


@pytest.mark.parametrize(
    ("name", "begins"), [("---", "seller"), ("\u3164", "seller"), ("C++", "c"), ("Admin", "admin"), ("WWW", "www")]
)
def test_a_name_that_gives_none_or_a_reserved_one_ends_with_random_characters(name: str, begins: str) -> None:
    slugs = {rules.slug_of(name, attempt=0) for _ in range(20)}

    assert len(slugs) == 20
    assert all(re.fullmatch(rf"{begins}-[2-9b-z]{{6}}", slug) for slug in slugs)
    for slug in slugs:
        TypeAdapter(Slug).validate_python(slug)


WRONG_SLUGS = ["", "ab", "a" * 61, "Freedom", "freedom_park", "-freedom", "freedom-", "free--dom", "ekó", "a b", "a\nb"]


@pytest.mark.parametrize("slug", [*WRONG_SLUGS, *sorted(RESERVED_SLUGS)])
def test_other_slugs_are_refused(slug: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Slug).validate_python(slug)


@pytest.mark.parametrize(
    ("website", "stored"),
    [
        ("https://example.com", "https://example.com/"),
        ("http://example.com/a?b=c", "http://example.com/a?b=c"),
        ("https://münchen.de/größe", "https://xn--mnchen-3ya.de/gr%C3%B6%C3%9Fe"),
    ],
)
def test_a_website_is_stored_as_browsers_write_it(website: str, stored: str) -> None:
    assert OrganisationPatch(website=website).website == stored


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "ftp://example.com",
        "//example.com",
        "example.com",
        "https://ada:secret@example.com",
        "https://",
        "https://exa mple.com",
        "https://example.com/\n",
        " https://example.com",
        "https://example.com/" + "a" * 2000,
    ],
)
@pytest.mark.parametrize("field", ["website", "logo_url"])
def test_other_urls_are_refused(field: str, url: str) -> None:
    with pytest.raises(ValidationError):
        OrganisationPatch.model_validate({field: url})


def test_a_logo_comes_encrypted() -> None:
    with pytest.raises(ValidationError):
        OrganisationPatch(logo_url="http://example.com/logo.png")


ROLES = ["scanner", "manager", "owner"]  # each may do what those before it may


@pytest.mark.parametrize(("role", "other"), [*product(ROLES, ROLES)])
def test_the_higher_role_is_kept(role: str, other: str) -> None:
    expected = ROLES[max(ROLES.index(role), ROLES.index(other))]
    assert rules.higher_role(role, other) == expected  # type: ignore[arg-type]
