"""Instructions of organizers."""

from adapters.codec.changes import read_change, write_change
from adapters.codec.fields import Json, decode, encode, read_moment, read_reply, write_moment, write_reply
from provisioning.ids import ChatIdentity
from provisioning.instructions import Given, Instruction


def pack_instruction(instruction: Instruction) -> str:
    """Write all but id and version."""
    body: Json = {
        "chat": str(instruction.chat),
        "words": instruction.words,
        "received_at": write_moment(instruction.received_at),
        "reply": write_reply(instruction.reply),
        "state": instruction.state,
    }
    for name in ("pressed", "person_id", "event_id", "refusal", "led_to", "delay_told"):
        if (value := getattr(instruction, name)) is not None and value is not False:
            body[name] = value
    if instruction.given is not None:
        body["given"] = {"text": instruction.given.text, "file": instruction.given.file}
    if instruction.people:
        body["people"] = dict(instruction.people)
    if instruction.facts:
        body["facts"] = dict(instruction.facts)
    if instruction.proposed is not None:
        body["proposed"] = {"id": instruction.proposed.id, **write_change(instruction.proposed)}
    return encode(body)


def unpack_instruction(body: str, instruction_id: str, version: int) -> Instruction:
    """Read what `pack_instruction` wrote."""
    found: Json = decode(body)
    get = found.get
    proposed = get("proposed")
    return Instruction(
        id=instruction_id,
        chat=ChatIdentity.parse(found["chat"]),
        words=found["words"],
        received_at=read_moment(found["received_at"]),
        reply=read_reply(found["reply"]),
        pressed=get("pressed", False),
        given=None if (given := get("given")) is None else Given(given["text"], given["file"]),
        state=found["state"],
        person_id=get("person_id"),
        event_id=get("event_id"),
        people=get("people", {}),
        refusal=get("refusal"),
        facts=get("facts", {}),
        proposed=None if proposed is None else read_change(proposed, proposed["id"], 0),
        led_to=get("led_to"),
        delay_told=get("delay_told", False),
        version=version,
    )
