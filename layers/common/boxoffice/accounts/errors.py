"""Why a request about an account or a session is refused."""

from boxoffice.errors import DomainError


class EmailTaken(DomainError):
    code = "email_taken"
    meaning = "There is an account with this email address already."
    remedy = "Log in, or sign up with another address."
    constraint = "accounts_email_key"


class WrongCredentials(DomainError):
    status = 401
    code = "wrong_credentials"
    meaning = "The email address or the password is wrong."
    remedy = "Check both and try again."
    detail: str = ""


class GuessablePassword(DomainError):
    status = 422
    code = "guessable_password"
    meaning = "The password is too easy to guess."
    remedy = "Use several uncommon words, or let a password manager make one."
    reason: str


class SessionOver(DomainError):
    status = 401
    code = "session_over"
    meaning = "The refresh token is unknown, expired, revoked, or has been used before."
    remedy = "Log in again."


class NoContactLeft(DomainError):
    code = "no_contact_left"
    meaning = "The account would have neither an email address nor a verified phone."
    remedy = "Add an email address first."
    constraint = "accounts_can_be_reached"


class LinkOver(DomainError):
    code = "link_over"
    meaning = "The link has been used, is over, or was replaced by a newer one."
    remedy = "If it has done its work already, go on. Else ask for a new one."


class ProofNeeded(DomainError):
    status = 401
    code = "proof_needed"
    meaning = "The request has no proof that the account is yours."
    remedy = "Send its password. If it has none, log in again and repeat the request within 15 minutes."
    detail: str = ""


class NoEmail(DomainError):
    code = "no_email"
    meaning = "The account has no email address."
    remedy = "Add one with change_email."


class EmailVerifiedBefore(DomainError):
    code = "email_verified_before"
    meaning = "The account's email address is verified already."
    remedy = "There is nothing to do."
