"""Why a request about an account or a session is refused."""

from collections.abc import Sequence

from boxoffice.errors import DomainError


class EmailTaken(DomainError):
    code = "email_taken"
    meaning = "There is an account with this email address already."
    remedy = "Log in, or sign up with another address."
    constraint = "accounts_email_key"


class WrongCredentials(DomainError):
    status = 401
    code = "wrong_credentials"
    security_event = "log_in"
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
    commits = True  # a reused token has ended its session
    code = "session_over"
    meaning = "The refresh token is unknown, expired, revoked, or has been used before."
    remedy = "Log in again."


class PhoneNotSupported(DomainError):
    status = 422
    code = "phone_not_supported"
    meaning = "No text message is sent to this phone number."
    remedy = "Use the number of a mobile phone of one of the `countries`."
    countries: Sequence[str]


class WrongPhoneCode(DomainError):
    status = 401
    code = "wrong_phone_code"
    security_event = "log_in"
    meaning = "The code is wrong, over or used, or was tried too often."
    remedy = "Type the code of the last text message, or ask for a new one."


class PhoneTaken(DomainError):
    code = "phone_taken"
    meaning = "Another account has proved that this phone is its own."
    remedy = "Log in with the phone and remove it there, or use another number."
    constraint = "accounts_phone_key"


class NoContactLeft(DomainError):
    code = "no_contact_left"
    meaning = "The account would have neither an email address nor a verified phone."
    remedy = "Add an email address first."
    constraint = "accounts_can_be_reached"


class SecondFactorNeeded(DomainError):
    status = 401
    code = "second_factor_needed"
    meaning = "The account has a second factor."
    remedy = "Send second_factor_token with a code of the app, or a recovery code, to POST /v1/sessions/second-factor."
    commits = True  # what proved the first factor, such as a code by SMS, was used up
    second_factor_token: str
    expires_in: int  # seconds until the token is over


class WrongSecondFactorCode(DomainError):
    status = 401
    code = "wrong_second_factor_code"
    security_event = "log_in"
    meaning = "The code is wrong, too old, or was used before."
    remedy = "Wait for the next code of the app, or use a recovery code."


class LogInOver(DomainError):
    status = 401
    code = "log_in_over"
    security_event = "log_in"
    meaning = "The token is unknown, over or used."
    remedy = "Log in again."


class SecondFactorOn(DomainError):
    code = "second_factor_on"
    meaning = "The account has a second factor already."
    remedy = "Remove it before you set up another."


class NoSecondFactor(DomainError):
    code = "no_second_factor"
    meaning = "The account has no second factor, and none was started in the last hour."
    remedy = "Start one with POST /v1/me/second-factor."


class GoogleLogInOff(DomainError):
    code = "google_log_in_off"
    meaning = "This deployment has no log-in with Google."
    remedy = "Log in another way."


class GoogleUnavailable(DomainError):
    status = 503
    code = "google_unavailable"
    meaning = "Google does not answer as it should."
    remedy = "Try again in a moment, or log in another way."
    retry_after: int = 5


class GoogleStateOver(DomainError):
    status = 400
    code = "google_state_over"
    security_event = "log_in"
    meaning = "The log-in with Google took longer than ten minutes, or did not begin here."
    remedy = "Begin again."


class GoogleCodeOver(DomainError):
    status = 401
    code = "google_code_over"
    security_event = "log_in"
    meaning = "The code is unknown, over or used, or was made for another secret."
    remedy = "Begin again."


class GoogleDoesNotVouch(DomainError):
    code = "google_does_not_vouch"
    security_event = "log_in"
    meaning = "Google has not verified your email address, or does not host it."
    remedy = "Sign up or log in with your email address and a password."


class EmailUnverified(DomainError):
    code = "email_unverified"
    security_event = "log_in"
    meaning = "There is an account with your email address, but nobody has verified the address for it."
    remedy = "Log in with its password and verify the address. Then log in with Google."


class GoogleAccountDiffers(DomainError):
    code = "google_account_differs"
    security_event = "log_in"
    meaning = "Another Google account belongs to the account with your email address."
    remedy = "Log in another way."


class OwnAccount(DomainError):
    code = "own_account"
    meaning = "You cannot block your own account, or take the role of an admin from it."
    remedy = "Ask another admin."


class LastAdmin(DomainError):
    code = "last_admin"
    meaning = "The platform would have no admin any more."
    remedy = "Make somebody else an admin first."
    constraint = "accounts_keep_an_admin"


class AdminNotEligible(DomainError):
    code = "admin_not_eligible"
    meaning = "An admin's account has a verified email address, and is not blocked."
    remedy = "Verify the address first; you can do so in the same request."


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
    remedy = "Its owner adds one with change_email."


class EmailNotVerified(DomainError):
    code = "email_not_verified"
    meaning = "Nobody has verified the email address of your account, so it may be another person's."
    remedy = "Open the link that `send_email_verification` emails to it. Then try again."


class EmailVerifiedBefore(DomainError):
    code = "email_verified_before"
    meaning = "The account's email address is verified already."
    remedy = "There is nothing to do."


class AccountErased(DomainError):
    code = "account_erased"
    meaning = "The owner's data was erased from this account."
    remedy = "Nothing is left to change."
