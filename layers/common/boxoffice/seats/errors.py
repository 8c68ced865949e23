"""What can be wrong with seats."""

from uuid import UUID

from boxoffice.errors import DomainError


class NotSeated(DomainError):
    status = 422
    code = "not_seated"
    meaning = "{ticket_type_name} has no seats to choose."
    remedy = "Leave `seat_ids` out."
    ticket_type_id: UUID
    ticket_type_name: str


class SeatsNotCounted(DomainError):
    status = 422
    code = "seats_not_counted"
    meaning = "The seats are not as many different ones as the quantity, which is {quantity}."
    remedy = "Name that many, or none of this ticket type."
    ticket_type_id: UUID
    quantity: int


class SeatNotFound(DomainError):
    status = 404
    code = "seat_not_found"
    meaning = "One of the seats does not exist, or is not of this ticket type."
    remedy = "Read the seat map again."
    ticket_type_id: UUID


class SeatTaken(DomainError):
    code = "seat_taken"
    meaning = "Somebody else has some of these seats. Nothing was taken."
    remedy = "Choose others for those in `seat_ids`."
    seat_ids: list[UUID]


class NoSeatsTogether(DomainError):
    code = "no_seats_together"
    meaning = "There are not {quantity} free seats next to each other."
    remedy = "Ask for fewer, or with `together` false."
    ticket_type_id: UUID
    quantity: int


class SeatsInTheWay(DomainError):
    code = "seats_in_the_way"
    meaning = "The map would lose seats that are held or sold."
    remedy = "Keep those in `seats`."
    seats: list[str]


class SeatOfAnotherType(DomainError):
    code = "seat_of_another_type"
    meaning = "One of the seats belongs to another ticket type of the event."
    remedy = "Take it out of that ticket type's map first."


# Why the seats that are asked for cannot be had.
CANNOT_BE_SEATED = (NotSeated, SeatsNotCounted, SeatNotFound, SeatTaken, NoSeatsTogether)
