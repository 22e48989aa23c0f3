"""The only place where rooms meet: settings in, an ASGI application and a worker out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from dialkey.accounts.rules import Accounts
from dialkey.api import problems
from dialkey.api.house import make_house
from dialkey.api.routes import ApiRoutes
from dialkey.base.clock import Clock, SystemClock
from dialkey.base.entropy import Entropy, SystemEntropy
from dialkey.consent.links import RemovalLinks
from dialkey.consent.rules import Consents
from dialkey.developers.access import Access
from dialkey.developers.clients import Clients
from dialkey.developers.deliveries import Deliveries
from dialkey.developers.delivering import DeliveryLane
from dialkey.developers.keys import ApiKeys
from dialkey.developers.members import Members
from dialkey.developers.notices import Notices
from dialkey.developers.office import Office
from dialkey.developers.organizations import Organizations
from dialkey.developers.overview import Overview
from dialkey.developers.products import Products
from dialkey.developers.sandbox import Sandbox
from dialkey.developers.trail import Trail
from dialkey.developers.versions import Versions
from dialkey.developers.webhooks import Webhooks
from dialkey.directory.routes import MediaRoutes
from dialkey.directory.rules import Directory
from dialkey.directory.store import ClientDirectory
from dialkey.events import EventLog as ConsentLog
from dialkey.events import Publisher, Queues
from dialkey.insights import Insights
from dialkey.insights.reading import Analytics, EventLog
from dialkey.jobs import Handler, Job, Worker, retention_schedule
from dialkey.jobs.model import Context
from dialkey.mail.delivery import MailSender
from dialkey.mail.outbox import SEND as SEND_MAIL
from dialkey.mail.outbox import Mail
from dialkey.oauth import removal_link
from dialkey.oauth.authorize import AuthorizeRoutes
from dialkey.oauth.backchannel import BackChannel
from dialkey.oauth.callers import Callers
from dialkey.oauth.client_auth import ClientAuthentication
from dialkey.oauth.discovery import Discovery
from dialkey.oauth.grants import Parts
from dialkey.oauth.house import House
from dialkey.oauth.introspection import IntrospectionEndpoint
from dialkey.oauth.keys import SigningKeys
from dialkey.oauth.logout import LogoutRoutes
from dialkey.oauth.removal import RemovalPages
from dialkey.oauth.removal_link import RemovalLinkEndpoint
from dialkey.oauth.revocation import RevocationEndpoint
from dialkey.oauth.store import AuthorizationStore
from dialkey.oauth.token import TokenEndpoint
from dialkey.oauth.tokens import Tokens
from dialkey.oauth.userinfo import UserinfoEndpoint
from dialkey.oauth.withdrawing import Withdrawals
from dialkey.portal.house import PortalHouse
from dialkey.portal.routes import PortalRoutes
from dialkey.productapi import openapi
from dialkey.productapi.consents import ConsentRoutes
from dialkey.productapi.events import EventRoutes
from dialkey.productapi.products import ProductRoutes
from dialkey.settings import Settings, load
from dialkey.signin.jobs import SendPin
from dialkey.signin.routes import SignInPages
from dialkey.signin.rules import SEND_PIN, SignIns
from dialkey.signin.sessions import Sessions
from dialkey.sms.delivery import Delivery
from dialkey.sms.routes import HandsetRoutes
from dialkey.storage import Storage, StorageUnavailable, open_storage
from dialkey.storage.keyring import Keyring, open_keyring
from dialkey.storage.migrations import missing
from dialkey.subscribers.sandbox import SandboxNumbers
from dialkey.subscribers.store import SubscriberStore
from dialkey.web import logs, refusals
from dialkey.web.assets import ROUTES as ASSET_ROUTES
from dialkey.web.browser import Browsers
from dialkey.web.calling import in_process
from dialkey.web.errors import Refusal
from dialkey.web.framing import Frames
from dialkey.web.gate import Gate
from dialkey.web.health import Health
from dialkey.web.http import Addresses
from dialkey.web.lane import Lane, Lanes
from dialkey.web.posting import Poster
from dialkey.web.rendering import warm

if TYPE_CHECKING:
    from dialkey.demo.seed import DemoWorld

log = structlog.get_logger("dialkey.app")


class NotReady(Exception):
    """The database cannot be served as it is; the message says what to run."""


@dataclass(frozen=True, slots=True)
class Built:
    """A composed server: the routes' application and the worker beside it."""

    app: ASGIApp
    worker: Worker
    house: House
    handsets: HandsetRoutes
    portal: PortalHouse
    callers: Worker
    """Calls clients' addresses: jobs of its own, so that one that does not answer keeps nothing else waiting."""
    publisher: Publisher
    events: EventRoutes
    deliveries: DeliveryLane

    async def run(self) -> None:
        """Works beside the application until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.worker.run())
            tasks.create_task(self.callers.run())
            tasks.create_task(self.publisher.run())
            tasks.create_task(self.deliveries.run())

    async def stop(self, patience: float = 5) -> None:
        """Takes nothing more and lets what is running finish, for so many seconds."""
        await asyncio.gather(self.worker.stop(patience), self.callers.stop(patience), self.deliveries.stop(patience))


class Bell:
    """Wakes the worker for those that are made before it."""

    worker: Worker | None = None

    def wake(self) -> None:
        if self.worker is not None:
            self.worker.wake()


def build(
    settings: Settings,
    storage: Storage,
    keyring: Keyring,
    clock: Clock,
    entropy: Entropy,
    demo: DemoWorld | None = None,
) -> Built:
    """Composes all rooms over an open database."""
    directory = ClientDirectory(storage, clock)
    subscribers = SubscriberStore(storage)
    sandbox_numbers = SandboxNumbers(storage, clock, entropy, keyring, pin_digits=settings.signin.pin_digits)
    authorizations = AuthorizationStore(storage)
    signing = SigningKeys(storage, settings, keyring, clock, entropy)
    browsers = Browsers(settings, keyring, entropy)
    frames = Frames(settings)
    addresses = Addresses(settings.server.trusted_proxies)
    delivery = Delivery(storage, keyring, clock, entropy, settings)
    insights = Insights(storage, clock)
    sessions = Sessions(storage, settings, keyring, clock, entropy)
    tokens = Tokens(settings, keyring, signing, clock, entropy)
    send_pin = SendPin(storage, settings, keyring, clock, entropy, directory, subscribers, delivery)

    async def run_send_pin(job: Job, _: Context) -> None:
        await send_pin(str(job.payload["sign_in"]))

    bell = Bell()
    mail = Mail(storage, settings, keyring, clock, entropy, bell)
    accounts = Accounts(storage, settings, keyring, clock, entropy, mail)
    office = Office(
        settings=settings,
        storage=storage,
        clock=clock,
        entropy=entropy,
        keyring=keyring,
        access=Access(storage),
        mail=mail,
    )
    organizations = Organizations(office)
    consent_log, queues = ConsentLog(storage), Queues(storage, settings, clock, entropy)
    poster = Poster(local=not settings.public)
    webhooks = Webhooks(office)
    deliveries = DeliveryLane(
        storage, settings, keyring, clock, entropy, consent_log, poster, webhooks.signing_keys
    )
    publisher = Publisher(storage, settings, clock, entropy, deliveries.wake)
    consents = Consents(storage, keyring, clock, entropy)
    withdrawals = Withdrawals(storage, consents, authorizations, clock, entropy)
    back_channel = BackChannel(settings, keyring, clock, entropy, directory, signing, poster)
    callers = Worker(storage, clock, entropy, back_channel.handlers)
    handlers = {
        SEND_PIN: Handler(run=run_send_pin),
        SEND_MAIL: MailSender(storage, settings, keyring, clock).handler,
        **accounts.handlers,
        **withdrawals.handlers,
    }
    schedules = (retention_schedule(), organizations.closing_schedule())
    worker = bell.worker = Worker(storage, clock, entropy, handlers, schedules)
    sign_ins = SignIns(storage, settings, keyring, clock, entropy, directory, subscribers, worker)
    house = House(
        settings=settings,
        storage=storage,
        keyring=keyring,
        clock=clock,
        entropy=entropy,
        directory=directory,
        consents=consents,
        authorizations=authorizations,
        sign_ins=sign_ins,
        sessions=sessions,
        browsers=browsers,
        frames=frames,
        tokens=tokens,
        signing=signing,
        sandbox=sandbox_numbers.store,
        insights=insights,
        withdrawals=withdrawals,
        publisher=publisher,
    )
    parts = Parts(
        storage=storage,
        settings=settings,
        clock=clock,
        entropy=entropy,
        directory=directory,
        subscribers=subscribers,
        authorizations=authorizations,
        tokens=tokens,
        insights=insights,
    )
    api_callers = Callers(parts)
    event_routes = EventRoutes(api_callers, settings, keyring, clock, consent_log, queues, publisher)
    removal_links = RemovalLinks(storage, keyring, clock, entropy)
    authentication = ClientAuthentication(storage, settings, keyring, clock, directory, addresses)
    discovery = Discovery(settings, directory, signing)
    health = Health(settings, storage)
    pages = SignInPages(settings, keyring, clock, browsers, frames, addresses, sign_ins, sessions, insights)
    posted, read = ("POST", "OPTIONS"), ("GET", "HEAD")
    lanes = [
        Lane("/oauth2/token", TokenEndpoint(directory, authentication, parts, signing).handle, posted),
        Lane("/userinfo", UserinfoEndpoint(parts).handle, ("GET", *posted)),
        Lane("/oauth2/introspect", IntrospectionEndpoint(authentication, parts).handle, posted),
        Lane("/oauth2/revoke", RevocationEndpoint(authentication, parts).handle, posted),
        Lane("/.well-known/openid-configuration", discovery.configuration, read),
        Lane("/.well-known/oauth-authorization-server", discovery.configuration, read),
        Lane("/.well-known/jwks.json", discovery.keys, read),
    ]
    routes = [
        *(lane.route() for lane in lanes),
        *AuthorizeRoutes(house, pages).routes,
        *pages.routes,
        *LogoutRoutes(house).routes,
        *RemovalPages(house, removal_links, subscribers).routes,
        *event_routes.routes,
        *ConsentRoutes(
            api_callers, storage, keyring, directory, subscribers, consents, withdrawals, publisher
        ).routes,
        *ProductRoutes(api_callers, storage, settings.base_url).routes,
        *openapi.ROUTES,
        Route(removal_link.PATH, RemovalLinkEndpoint(parts, keyring, removal_links).handle, methods=["POST"]),
        *MediaRoutes(directory).routes,
        *ASSET_ROUTES,
        *health.routes,
    ]
    products = Products(office)
    handsets = HandsetRoutes(delivery=delivery, clock=clock, settings=settings, frame=frames)
    portal = PortalHouse(
        settings=settings,
        storage=storage,
        keyring=keyring,
        clock=clock,
        entropy=entropy,
        frames=frames,
        browsers=browsers,
        addresses=addresses,
        client_directory=directory,
        directory=Directory(storage, clock, entropy, keyring),
        worker=worker,
        accounts=accounts,
        mail=mail,
        access=office.access,
        organizations=organizations,
        members=Members(office),
        notices=Notices(office),
        keys=ApiKeys(office),
        trail=Trail(office),
        webhooks=webhooks,
        deliveries=Deliveries(office, deliveries.wake),
        products=products,
        versions=Versions(office),
        overview=Overview(office, products),
        clients=Clients(office),
        sandbox=Sandbox(
            office.access,
            sandbox_numbers,
            delivery.handsets,
        ),
        handsets=handsets,
        event_log=EventLog(storage),
        analytics=Analytics(storage, clock),
        call=in_process(Lanes(lanes, _no_such_page), settings.base_url),
    )
    if settings.portal:
        routes += PortalRoutes(portal).routes
        routes += ApiRoutes(make_house(office, delivery.handsets)).routes
    routes += handsets.routes
    if demo is not None:
        from dialkey.demo.routes import DemoRoutes

        routes += DemoRoutes(settings, keyring, demo, frames).routes
    app = Lanes(lanes, Router(routes, redirect_slashes=False, default=_no_such_page))
    return Built(
        app=app,
        worker=worker,
        house=house,
        handsets=handsets,
        portal=portal,
        callers=callers,
        publisher=publisher,
        events=event_routes,
        deliveries=deliveries,
    )


async def _no_such_page(scope: Scope, receive: Receive, send: Send) -> None:
    raise Refusal(404, "not_found")


async def open_house(settings: Settings, clock: Clock, entropy: Entropy) -> tuple[Storage, Keyring]:
    """Opens the database and its secrets; NotReady where it was not migrated."""
    storage = await open_storage(settings.database)
    try:
        if names := await missing(storage):
            raise NotReady(f"the database lacks {len(names)} migration(s); run `dialkey migrate`")
        return storage, await open_keyring(storage, settings.keys)
    except BaseException:
        await storage.close()
        raise


class Server:
    """The ASGI application of one process. It opens its database when the server starts (`lifespan`)."""

    def __init__(self, settings: Settings, demo: DemoWorld | None = None) -> None:
        self._settings = settings
        self._demo = demo
        self._clock: Clock = SystemClock()
        self._entropy: Entropy = SystemEntropy()
        self._built: Built | None = None
        self.frames = Frames(settings)
        outer = Starlette(lifespan=self._lifespan)
        self._outer = outer
        self._gate = Gate(self._dispatch, settings, self._entropy, self._refuse)

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        if scope["type"] == "lifespan":
            await self._outer(scope, receive, send)
        else:
            await self._gate(scope, receive, send)

    async def _dispatch(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        assert self._built is not None
        await self._built.app(scope, receive, send)

    def close_streams(self) -> None:
        """Ends what would otherwise keep a graceful shutdown waiting."""
        if self._built is not None:
            self._built.handsets.close()
            self._built.events.close()

    async def _refuse(self, request: Request, refusal) -> Response:  # type: ignore[no-untyped-def]
        if request.scope["path"].startswith("/api/"):
            return problems.answer(request, refusal)
        return refusals.answer(request, refusal, self.frames)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        logs.set_up(self._settings.log)
        storage, keyring = await open_house(self._settings, self._clock, self._entropy)
        self._built = build(self._settings, storage, keyring, self._clock, self._entropy, self._demo)
        await self._built.house.signing.load()
        warm()
        working = asyncio.create_task(self._built.run())
        noting = asyncio.create_task(self._built.house.insights.run())
        log.info("serving", issuer=self._settings.issuer, pid=os.getpid())
        try:
            yield
        finally:
            await self._built.stop()
            for task in (working, noting):
                task.cancel()
            await asyncio.gather(working, noting, return_exceptions=True)
            with suppress(StorageUnavailable):
                await self._built.house.insights.flush()
            await storage.close()


def create() -> Server:
    """For uvicorn's workers: settings from the file that `DIALKEY_CONFIG` names, and the environment."""
    path = os.environ.get("DIALKEY_CONFIG")
    return Server(load(Path(path) if path else None))
