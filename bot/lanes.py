"""The lanes of the worker: one for each kind of work on the queue."""

from collections.abc import Sequence

from adapters.graph.group import EntraGroupAccess
from adapters.graph.scim_push import ScimPush
from adapters.graph.users import EntraDirectory
from bot.addresses import mails_in
from bot.chats import Chat
from bot.counting import Counting
from bot.mail_voice import MailVoice
from bot.organizing import Organizing
from bot.outside import Outside
from bot.settings import Settings
from bot.understanding import Understanding
from bot.voice import PlatformVoice
from provisioning.admitting import Gatekeeper
from provisioning.directory import Lists, Mentions
from provisioning.events import EntraGroup, IdentityCenterGroup
from provisioning.garages import Garages
from provisioning.ids import GroupId
from provisioning.organizers import Organizers
from provisioning.outbox import Voice
from provisioning.ports import Clock, Rows, Store
from provisioning.queue import Work
from provisioning.recognizing import Recognizer
from provisioning.settling import Settler
from provisioning.speaking import Speaking
from provisioning.stepping import Systems
from provisioning.tending import Tender
from provisioning.usage import Usage
from provisioning.working import Lane

GATHERING = 0.25  # seconds: joins that arrive together are looked up and added together


def lanes(
    settings: Settings,
    store: Store,
    clock: Clock,
    outside: Outside,
    platforms: Sequence[Chat],
    counting: Counting,
) -> list[Lane]:
    """Return a lane for every kind of work."""
    takes_quotas = settings.deepracer.admin_user is not None
    directory = EntraDirectory(outside.graph)
    recognizer = Recognizer({chat.platform: chat.people for chat in platforms}, directory)
    voices: dict[str, Voice] = {
        chat.platform: PlatformVoice(
            chat.platform,
            store,
            chat.speaker,
            clock,
            counting,
            recognizer,
            lambda: outside.racing.sites.first_sign_in,
        )
        for chat in platforms
    }
    if outside.mail is not None:
        voices["mail"] = MailVoice(store, outside.mail, mails_in(directory), clock)
    push = ScimPush(outside.graph, lambda grant: _feeder(store, grant), outside.allowed)
    gate = Gatekeeper(store, recognizer, clock)
    organizers = Organizers(outside.accesses[EntraGroup.kind], directory, clock)
    mentions: dict[str, Mentions] = {
        chat.platform: chat.mentions for chat in platforms if chat.mentions is not None
    }
    usage = Usage(store, lambda: outside.racing.sites.api, clock)
    garages = Garages(store, lambda: outside.racing.sites.api)
    lists: dict[str, Lists] = {chat.platform: chat.lists for chat in platforms if chat.lists is not None}
    dead = outside.dead_letters
    understanding = Understanding(store, recognizer, usage, garages, clock, mentions, lists, dead)
    organizing = Organizing(store, recognizer, organizers, understanding, clock, dead)
    systems = Systems(outside.accesses, directory, takes_quotas=takes_quotas)
    settler = Settler(store, systems, push, clock, _background(outside))
    return [
        Lane("gate", gate.round, Work.ANSWER, GATHERING),
        Lane("organizing", organizing.round, Work.INSTRUCT),
        Lane("settler", settler.round, Work.SETTLE, GATHERING),
        Lane("tender", Tender(store, lambda: outside.racing.sites.api, clock).round, Work.TEND),
        Lane("speaker", Speaking(store, voices, clock, Work.SPEAK).round, Work.SPEAK),
        Lane("refresher", Speaking(store, voices, clock, Work.REFRESH).round, Work.REFRESH),
    ]


def _background(outside: Outside) -> Systems:
    """Return the systems for what is in no hurry: Graph serves its low priority last."""
    group = EntraGroupAccess(outside.graph, outside.allowed, priority="low")
    accesses = {**outside.accesses, EntraGroup.kind: group}
    return Systems(accesses, EntraDirectory(outside.graph, priority="low"))


def _feeder(store: Store, grant: IdentityCenterGroup) -> GroupId | None:
    """Return the Entra group that feeds this Identity Center group, in whichever event grants it."""

    def read(rows: Rows) -> GroupId | None:
        for event in rows.events.all():
            if grant in event.grants:
                feeder = event.feeder_of(grant)
                return feeder.group_id if isinstance(feeder, EntraGroup) else None
        return None

    return store.read(read)
