"""The composition root: the one place where objects are wired together.

Each object is built on first use and shared within its `Wiring`: a function has one for its
process, a test one for its world. Modules are imported where their objects are built, so that a
function loads only what its first event needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

from sendtrail.config import Settings, environment
from sendtrail.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sendtrail.auth.api_key_ring import ApiKeyRing
    from sendtrail.auth.api_keys import Caller
    from sendtrail.auth.audit import Audit, FunctionLog
    from sendtrail.auth.key_secret import KeySecret
    from sendtrail.auth.last_seen import KeysSeen
    from sendtrail.auth.openid import OpenIdProvider
    from sendtrail.auth.sessions import Sessions
    from sendtrail.auth.sign_in import SignIn
    from sendtrail.auth.signing_keys import SigningKeyRing
    from sendtrail.auth.staff_sessions import StaffSessions
    from sendtrail.auth.staff_store import StaffStore
    from sendtrail.auth.tokens import Cursors, LinkTokens
    from sendtrail.aws.dynamodb import DynamoDB
    from sendtrail.aws.secrets import Secrets
    from sendtrail.aws.sqs import Sqs
    from sendtrail.domain.plan import Plan
    from sendtrail.intake.ingest import Ingest
    from sendtrail.log.erasures import Erasures
    from sendtrail.log.fallback import FallbackWriter
    from sendtrail.log.moving import TrailMover
    from sendtrail.log.trails import Trails
    from sendtrail.projections.activity import Activity
    from sendtrail.projections.communications import CommunicationProjection
    from sendtrail.projections.directory import Directory
    from sendtrail.projections.judge import Judge
    from sendtrail.projections.participants import ParticipantProjection
    from sendtrail.projections.project import Projection
    from sendtrail.projections.redirection import Redirection
    from sendtrail.projections.soft_bounces import SoftBounces
    from sendtrail.publishing.deliver import Deliverer
    from sendtrail.publishing.egress import Egress
    from sendtrail.publishing.event_bus import EventBus
    from sendtrail.publishing.jobs import JobQueue
    from sendtrail.publishing.publish import Publisher
    from sendtrail.publishing.verdicts import Verdicts
    from sendtrail.publishing.webhook_store import WebhookStore
    from sendtrail.reading.health import Health
    from sendtrail.reading.history import History
    from sendtrail.reading.people import People
    from sendtrail.reading.person_export import PersonExport
    from sendtrail.reading.preview import Preview
    from sendtrail.reading.timeline import Timeline
    from sendtrail.rights.erasing import Erasing
    from sendtrail.rights.steps import Steps
    from sendtrail.sending.attachment_store import AttachmentStore
    from sendtrail.sending.composer import Composer
    from sendtrail.sending.dispatch import Dispatch
    from sendtrail.sending.draft_store import DraftStore
    from sendtrail.sending.fan_out import FanOut
    from sendtrail.sending.holds import Holds
    from sendtrail.sending.jobs import Job
    from sendtrail.sending.plan_store import PlanStore
    from sendtrail.sending.rate_limiter import RateLimiter
    from sendtrail.sending.rendering import MessageRenderer
    from sendtrail.sending.stopping import Stopping
    from sendtrail.sending.stops import Stops
    from sendtrail.sending.submission import Submission
    from sendtrail.sending.template_store import TemplateStore
    from sendtrail.staff.commands import StaffCommands
    from sendtrail.staff.inactivity import InactivityReader, InactivitySweep
    from sendtrail.tracking.hits import HitRecorder
    from sendtrail.tracking.pages import PublicPages
    from sendtrail.tracking.preferences import Preferences

__all__ = ["Wiring"]


class Wiring:
    """The object graph of one function, or of one test's world."""

    def __init__(
        self,
        logger: FunctionLog,
        variables: Mapping[str, str] | None = None,
        *,
        for_programs: bool = False,
    ) -> None:
        """Builds nothing yet.

        Args:
            logger: the function's.
            variables: the settings, and the AWS SDKs' own variables; by default the process's
                environment.
            for_programs: whether programs call the function, which do by the thousand what people
                do one by one.
        """
        self._for_programs = for_programs
        self.logger = logger
        self.variables = environment() if variables is None else variables
        self.settings = Settings(self.variables)

    # --- AWS -----------------------------------------------------------------------------------

    @cached_property
    def database(self) -> DynamoDB:
        """The DynamoDB client, with the default retry policy."""
        from sendtrail.aws.dynamodb import DynamoDB

        return DynamoDB(self.variables)

    @cached_property
    def interactive_database(self) -> DynamoDB:
        """The DynamoDB client for calls that a reader waits for: they give up after 300 ms."""
        from sendtrail.aws.dynamodb import DynamoDB
        from sendtrail.aws.service import INTERACTIVE

        return DynamoDB(self.variables, retry_policy=INTERACTIVE)

    @cached_property
    def ses(self) -> Any:
        """A boto3 client of SES v2. It is slow to import, so only those who need it do.

        It does not retry: a mail that is in doubt could be sent twice, and callers have retry
        policies of their own.
        """
        import boto3
        from botocore.config import Config

        make: Callable[..., Any] = boto3.client
        return make(
            "sesv2",
            config=Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1}),
        )

    @cached_property
    def sqs(self) -> Sqs:
        """The SQS client."""
        from sendtrail.aws.sqs import Sqs

        return Sqs(self.variables)

    def send_to(self, queue_url: str) -> partial[None]:
        """A function that sends a text to a queue; it raises AwsError if it cannot."""
        return partial(self.sqs.send, queue_url)

    # --- keys ----------------------------------------------------------------------------------

    @cached_property
    def signing_keys(self) -> SigningKeyRing:
        """The keys of links in mail."""
        return self._ring(self.settings.signing_keys_secret)

    @cached_property
    def session_keys(self) -> SigningKeyRing:
        """The keys of sessions and cursors."""
        return self._ring(self.settings.session_keys_secret)

    def _ring(self, secret: str) -> SigningKeyRing:
        from sendtrail.auth.signing_keys import SigningKeyRing

        secrets = self._secrets()
        return SigningKeyRing(lambda: secrets.value(secret))

    def _secrets(self) -> Secrets:
        """A client of Secrets Manager for calls that somebody waits for."""
        from sendtrail.aws.secrets import Secrets
        from sendtrail.aws.service import RetryPolicy

        policy = RetryPolicy(attempts=3, timeout=1.0, first_wait=0.05, within=2.0)
        return Secrets(self.variables, retry_policy=policy)

    @cached_property
    def link_tokens(self) -> LinkTokens:
        """The tokens in the links of mail."""
        from sendtrail.auth.tokens import LinkTokens

        return LinkTokens(self.signing_keys)

    @cached_property
    def cursors(self) -> Cursors:
        """The cursors of lists."""
        from sendtrail.auth.tokens import Cursors

        return Cursors(self.session_keys)

    @cached_property
    def sessions(self) -> Sessions:
        """The console's sessions."""
        from sendtrail.auth.sessions import Sessions

        return Sessions(self.session_keys)

    @cached_property
    def sign_in(self) -> SignIn | None:
        """Signing in by one's own name; None where no provider is set.

        Raises:
            ConfigurationError: what is set of the provider is not as it must be.
        """
        issuer = self.settings.oidc_issuer
        if issuer is None:
            return None
        from sendtrail.auth.claim_rules import ClaimRules
        from sendtrail.auth.sign_in import SignIn

        settings = self.settings
        client_id, requested = settings.oidc_client_id, settings.oidc_requested_scopes
        secrets = self._secrets()

        @cache
        def provider() -> OpenIdProvider:
            from sendtrail.auth.openid import OpenIdProvider

            secret = secrets.value(settings.oidc_secret) if settings.oidc_secret else None
            return OpenIdProvider(issuer, client_id, secret, requested)

        return SignIn(
            issuer=issuer,
            rules=ClaimRules.parse(settings.oidc_scopes),
            provider=provider,
            store=self.staff_sessions,
            sessions=self.sessions,
            ring=self.session_keys,
            audit=self.audit,
        )

    @cached_property
    def api_keys(self) -> ApiKeyRing:
        """The ring of API keys."""
        from sendtrail.auth.api_key_ring import ApiKeyRing

        secrets, settings = self._secrets(), self.settings
        return ApiKeyRing(
            lambda: secrets.value(settings.first_api_key_secret),
            lambda: secrets.value(settings.api_keys_secret),
            self.logger,
        )

    @cached_property
    def staff_sessions(self) -> StaffSessions:
        """The sessions of people who signed in by name."""
        from sendtrail.auth.staff_sessions import StaffSessions

        return StaffSessions(self.database, self.settings.staff_table)

    @cached_property
    def staff_store(self) -> StaffStore:
        """The table of staff: people, keys' last use, acts."""
        from sendtrail.auth.staff_store import StaffStore

        return StaffStore(self.database, self.settings.staff_table)

    @cached_property
    def audit(self) -> Audit:
        """The audit log, and what is kept of it. Its table is given up on after a second."""
        from sendtrail.auth.audit import Audit
        from sendtrail.auth.staff_acts import ActRecorder
        from sendtrail.aws.dynamodb import DynamoDB
        from sendtrail.aws.service import RetryPolicy

        settings = self.settings
        policy = RetryPolicy(attempts=3, timeout=0.5, first_wait=0.02, within=1.0)
        recorder = ActRecorder(
            DynamoDB(self.variables, retry_policy=policy),
            settings.staff_table,
            self.logger,
            retention_days=settings.retention_days,
            for_programs=self._for_programs,
        )
        return Audit(self.logger, recorder.record)

    @cached_property
    def keys_seen(self) -> KeysSeen:
        """What notes when keys are seen. It tries once, for 300 ms."""
        from sendtrail.auth.last_seen import KeysSeen
        from sendtrail.aws.dynamodb import DynamoDB
        from sendtrail.aws.service import RetryPolicy

        settings = self.settings
        policy = RetryPolicy(attempts=1, timeout=0.3, within=0.3)
        return KeysSeen(
            DynamoDB(self.variables, retry_policy=policy),
            settings.staff_table,
            self.logger,
            retention_days=settings.retention_days,
        )

    def first_key(self) -> Caller | None:
        """Whose the first API key is; None if its secret is malformed, and lets nobody in.

        Raises:
            AwsError: it cannot be read.
        """
        from sendtrail.auth.api_keys import caller_of_entry, first_entry_of

        try:
            (entry,) = first_entry_of(self._secrets().value(self.settings.first_api_key_secret))
        except ConfigurationError:
            return None
        return caller_of_entry(entry)

    @cached_property
    def key_secret(self) -> KeySecret:
        """The secret of further API keys."""
        from sendtrail.auth.key_secret import KeySecret

        return KeySecret(self._secrets(), self.settings.api_keys_secret)

    # --- publishing ------------------------------------------------------------------------------

    @cached_property
    def egress(self) -> Egress:
        """Requests to webhooks.

        Raises:
            ConfigurationError: the networks that they may be in are not as they must be.
        """
        from sendtrail.publishing.egress import Egress, networks

        try:
            allowed = networks(self.settings.webhook_allowed_networks)
        except ValueError as error:
            raise ConfigurationError(f"the setting WEBHOOK_ALLOWED_NETWORKS: {error}") from None
        return Egress(allowed)

    @cached_property
    def delivery_queue(self) -> JobQueue | None:
        """The queue of deliveries; None where nothing is published."""
        from sendtrail.publishing.jobs import JobQueue

        url = self.settings.deliveries_queue_url
        return JobQueue(self.sqs, url) if url else None

    @cached_property
    def _event_bus(self) -> EventBus | None:
        name = self.settings.event_bus_name
        if name is None:
            return None
        from sendtrail.aws.eventbridge import EventBridge
        from sendtrail.aws.service import RetryPolicy
        from sendtrail.publishing.event_bus import EventBus

        policy = RetryPolicy(attempts=3, timeout=3.0, within=6.0)
        return EventBus(EventBridge(self.variables, retry_policy=policy), name)

    @cached_property
    def _verdicts(self) -> Verdicts:
        from sendtrail.publishing.verdicts import Verdicts

        return Verdicts(self.database, self.trails)

    def _queue_of_deliveries(self) -> JobQueue:
        queue = self.delivery_queue
        if queue is None:
            raise ConfigurationError("the setting DELIVERIES_QUEUE_URL is missing")
        return queue

    @cached_property
    def publisher(self) -> Publisher:
        """What publishes the log's stream.

        Raises:
            ConfigurationError: it has no queue.
        """
        from sendtrail.publishing.publish import Publisher
        from sendtrail.publishing.webhook_store import EndpointStore

        settings = self.settings
        store = EndpointStore(self.database, settings.webhooks_table)
        return Publisher(
            self._verdicts,
            self._queue_of_deliveries(),
            self.erasures,
            endpoints=store if settings.webhooks else None,
            bus=self._event_bus,
            cache_seconds=settings.webhooks_cache_seconds,
        )

    @cached_property
    def deliverer(self) -> Deliverer:
        """What delivers to webhooks and the event bus.

        Raises:
            ConfigurationError: it has no queue.
        """
        from sendtrail.domain.webhooks import RetrySchedule
        from sendtrail.publishing.deliver import Deliverer
        from sendtrail.publishing.replay import Replay
        from sendtrail.publishing.webhook_run import Parts
        from sendtrail.publishing.webhook_store import EndpointStore

        settings = self.settings
        queue = self._queue_of_deliveries()
        schedule = RetrySchedule(settings.webhook_day_seconds)
        store = EndpointStore(self.database, settings.webhooks_table, schedule)
        return Deliverer(
            Parts(store, queue, self.egress, schedule, self.logger),
            self.erasures,
            replay=Replay(
                self.database, settings.trails_table, self.erasures, self._verdicts, queue
            ),
            bus=self._event_bus,
            dead_letter=self.send_to(settings.deliveries_dlq_url),
        )

    @cached_property
    def webhooks(self) -> WebhookStore:
        """Webhooks, as staff see them."""
        from sendtrail.publishing.webhook_store import WebhookStore

        settings = self.settings
        return WebhookStore(
            self.database,
            settings.webhooks_table,
            audit=self.audit,
            egress=self.egress,
            queue=self.delivery_queue if settings.webhooks else None,
            retention_days=settings.retention_days,
        )

    # --- the log and its projections -------------------------------------------------------------

    @cached_property
    def trails(self) -> Trails:
        """The trails: the log."""
        return self._trails(self.database)

    def _trails(self, database: DynamoDB) -> Trails:
        from sendtrail.log.trails import Trails

        settings = self.settings
        return Trails(database, settings.trails_table, retention_days=settings.retention_days)

    @cached_property
    def fallback_writer(self) -> FallbackWriter:
        """The write fallback of the public routes: log, else hits queue, else log line."""
        from sendtrail.aws.service import RetryPolicy
        from sendtrail.aws.sqs import Sqs
        from sendtrail.log.fallback import FallbackWriter, write_line

        policy = RetryPolicy(attempts=2, timeout=1.0, first_wait=0.01, within=1.0)
        return FallbackWriter(
            self._trails(self.interactive_database),
            partial(Sqs(self.variables, retry_policy=policy).send, self.settings.hits_queue_url),
            partial(write_line, self.logger),
        )

    @cached_property
    def erasures(self) -> Erasures:
        """Who was erased, by keyed hashes."""
        return self._erasures(self.database)

    def _erasures(self, database: DynamoDB) -> Erasures:
        from sendtrail.log.erasures import Erasures

        secrets, settings = self._secrets(), self.settings
        return Erasures(
            database,
            settings.erasures_table,
            lambda: secrets.value(settings.erasure_key_secret),
            cache_seconds=settings.erasures_cache_seconds,
        )

    @cached_property
    def trail_mover(self) -> TrailMover:
        """What moves trails under pseudonyms."""
        from sendtrail.log.moving import TrailMover

        return TrailMover(
            self.database, self.settings.trails_table, self.trails, lambda: self.erasures.keyed
        )

    @cached_property
    def ingest(self) -> Ingest:
        """Ingest, into the log."""
        from sendtrail.intake.ingest import Ingest

        return Ingest(self.trails, whole_ip_addresses=self.settings.whole_ip_addresses)

    @cached_property
    def projection(self) -> Projection:
        """The projection of the log into everything that is read."""
        from sendtrail.projections.project import Projection

        return Projection(
            self.database,
            self.settings.trails_table,
            participants=self.participant_projection,
            communications=self.communication_projection,
            judge=self.judge,
            activity=self.activity,
            soft_bounces=self.soft_bounces,
            epoch_cache_seconds=self.settings.epoch_cache_seconds,
            redirection=self.redirection,
        )

    @cached_property
    def redirection(self) -> Redirection:
        """What leads late news of people who were erased to where it belongs."""
        from sendtrail.projections.redirection import Redirection

        return Redirection(self.erasures, self.trail_mover)

    @cached_property
    def soft_bounces(self) -> SoftBounces:
        """The projection of soft bounces."""
        from sendtrail.domain.soft_bounces import SoftBouncePolicy
        from sendtrail.projections.soft_bounces import SoftBounces

        settings = self.settings
        return SoftBounces(
            self.database,
            settings.trails_table,
            settings.suppressions_table,
            SoftBouncePolicy(settings.soft_bounces, settings.soft_bounce_days),
        )

    @cached_property
    def judge(self) -> Judge:
        """The judge of hits."""
        from sendtrail.projections.judge import Judge

        settings = self.settings
        return Judge(
            self.database,
            settings.trails_table,
            self.trails,
            note_link=self.communication_projection.note_link,
            retention_days=settings.retention_days,
        )

    @cached_property
    def activity(self) -> Activity:
        """What messages tell of when participants last opened or clicked."""
        from sendtrail.projections.activity import Activity

        settings = self.settings
        return Activity(self.database, settings.trails_table, settings.participants_table)

    @cached_property
    def participant_projection(self) -> ParticipantProjection:
        """The projection of events into participants and suppressions."""
        return self._participant_projection(self.database)

    def _participant_projection(self, database: DynamoDB) -> ParticipantProjection:
        from sendtrail.projections.participants import ParticipantProjection

        settings = self.settings
        return ParticipantProjection.over(
            database, settings.participants_table, settings.suppressions_table
        )

    @cached_property
    def communication_projection(self) -> CommunicationProjection:
        """The projection of changes of messages into communications' figures."""
        from sendtrail.projections.communications import CommunicationProjection

        settings = self.settings
        return CommunicationProjection(
            self.database, settings.communications_table, retention_days=settings.retention_days
        )

    @cached_property
    def quarantine(self) -> partial[None]:
        """Sends a stream record that cannot be projected to the queue where it can be replayed."""
        return self.send_to(self.settings.quarantine_queue_url)

    @cached_property
    def directory(self) -> Directory:
        """The directory of participants, addresses and suppressions."""
        return self._directory(self.database)

    def _directory(self, database: DynamoDB) -> Directory:
        from sendtrail.projections.directory import Directory

        settings = self.settings
        return Directory(
            database,
            settings.participants_table,
            settings.suppressions_table,
            settings.trails_table,
        )

    # --- sending ---------------------------------------------------------------------------------

    @cached_property
    def plans(self) -> PlanStore:
        """The store of plans."""
        from sendtrail.aws.s3 import Bucket
        from sendtrail.sending.plan_store import PlanStore

        return PlanStore(Bucket(self.variables, self.settings.plans_bucket))

    @cached_property
    def attachments(self) -> AttachmentStore:
        """The store of attachments."""
        from sendtrail.aws.s3 import Bucket
        from sendtrail.sending.attachment_store import AttachmentStore

        return AttachmentStore(Bucket(self.variables, self.settings.plans_bucket))

    @cached_property
    def templates(self) -> TemplateStore:
        """The store of templates."""
        from sendtrail.sending.template_store import TemplateStore

        return TemplateStore(self.database, self.settings.templates_table, self.audit)

    @cached_property
    def drafts(self) -> DraftStore:
        """The store of drafts."""
        from sendtrail.aws.s3 import Bucket
        from sendtrail.sending.draft_store import DraftStore

        settings = self.settings
        bucket = Bucket(self.variables, settings.plans_bucket)
        return DraftStore(self.database, settings.communications_table, bucket, self.audit)

    @cached_property
    def renderer(self) -> MessageRenderer:
        """The renderer of messages."""
        from sendtrail.sending.rendering import MessageRenderer

        return MessageRenderer(self.templates)

    @cached_property
    def submission(self) -> Submission:
        """The submission of drafts: validates and accepts them for sending."""
        from sendtrail.sending.eligibility import Eligibility
        from sendtrail.sending.jobs import Job, job_size
        from sendtrail.sending.schedule import days_ahead
        from sendtrail.sending.submission import Submission

        return Submission(
            plans=self.plans,
            attachments=self.attachments,
            templates=self.templates,
            renderer=self.renderer,
            composer=self.composer,
            log=self.trails,
            communications=self.communication_projection,
            directory=self.directory,
            eligibility=Eligibility(self.directory, self.erasures.refusals),
            enqueue=lambda plan: self._enqueue(plan, [Job(plan.plan_id)]),
            max_recipients=self.settings.max_recipients,
            max_days_ahead=days_ahead(self.settings.retention_days),
            spam_threshold=self.settings.spam_threshold,
            job_size=job_size(self.settings.send_rate),
            audit=self.audit,
        )

    @cached_property
    def composer(self) -> Composer:
        """The composer of mails."""
        from sendtrail.sending.composer import Composer, PublicLinks

        return Composer(self.renderer, PublicLinks(self.settings.public_url, self.link_tokens))

    @cached_property
    def fan_out(self) -> FanOut:
        """The fan-out of plans into jobs."""
        from sendtrail.sending.fan_out import FanOut

        return FanOut(self.plans, self.trails, self.stops, self._enqueue)

    def _enqueue(self, plan: Plan, jobs: Sequence[Job]) -> None:
        """Queues jobs of a plan: a direct message's, and what waits for its time, where no mailing
        is before it.
        """
        from sendtrail.domain.times import now
        from sendtrail.sending.schedule import delay_of

        settings, delay = self.settings, delay_of(plan.send_at, now())
        direct = plan.communication_id is None or delay > 0
        url = settings.direct_queue_url if direct else settings.dispatch_queue_url
        self.sqs.send_all(url, [job.to_text() for job in jobs], delay_seconds=delay)

    @cached_property
    def stops(self) -> Stops:
        """What staff have stopped."""
        from sendtrail.sending.stops import Stops

        return Stops(self.database, self.settings.idempotency_table)

    @cached_property
    def stopping(self) -> Stopping:
        """Stops mailings and direct messages."""
        from sendtrail.sending.stopping import Stopping

        return Stopping(self.stops, self.trails, self.communication_projection, self.audit)

    @cached_property
    def holds(self) -> Holds:
        """Why SES takes no mail now."""
        from sendtrail.sending.holds import Holds

        return Holds(self.database, self.settings.idempotency_table)

    def queue_anew(self, record: Mapping[str, Any], job: Job) -> None:
        """Puts a job that was received into its queue anew, to be received in a quarter of an hour.

        Raises:
            AwsError: it may not be in it.
        """
        self.sqs.send_later(self._queue_of(record), job.to_text())

    def defer(self, record: Mapping[str, Any], seconds: int) -> None:
        """Defers a job that was received from a dispatch queue.

        Raises:
            AwsError: it is redelivered when its visibility timeout ends.
        """
        self.sqs.defer(self._queue_of(record), record["receiptHandle"], seconds)

    def _queue_of(self, record: Mapping[str, Any]) -> str:
        direct = self.settings.direct_queue_url
        name = record["eventSourceARN"].rpartition(":")[2]
        return direct if direct.endswith(f"/{name}") else self.settings.dispatch_queue_url

    @cached_property
    def rate_limiter(self) -> RateLimiter:
        """The limiter of calls to SES, which all workers share."""
        from sendtrail.sending.rate_limiter import RateLimiter

        settings = self.settings
        return RateLimiter(self.database, settings.idempotency_table, rate=settings.send_rate)

    @cached_property
    def dispatch(self) -> Dispatch:
        """The sender of messages. It is slow to import; fanning out does not need it."""
        from sendtrail.sending.claims import Claims
        from sendtrail.sending.dispatch import Dispatch, outcome_by
        from sendtrail.sending.eligibility import Eligibility
        from sendtrail.sending.ses_sender import SesSender

        settings = self.settings
        return Dispatch(
            plans=self.plans,
            attachments=self.attachments,
            stops=self.stops,
            claims=Claims(
                self.database,
                settings.idempotency_table,
                in_doubt_seconds=settings.in_doubt_seconds,
            ),
            outcome=lambda *message: outcome_by(self.trails.in_row(*message)),
            caught_up=lambda: self.sqs.is_empty(settings.ingest_queue_url),
            composer=self.composer,
            log=self.trails,
            eligibility=Eligibility(self.directory, self.erasures.refusals),
            ses_sender=SesSender(
                self.ses,
                sender=settings.sender_address,
                configuration_set=settings.configuration_set,
                tenant=settings.tenant_name,
                rate_limiter=self.rate_limiter,
            ),
        )

    # --- tracking --------------------------------------------------------------------------------

    @cached_property
    def tracking(self) -> HitRecorder:
        """The recorder of opens and clicks."""
        from sendtrail.tracking.hits import HitRecorder

        whole = self.settings.whole_ip_addresses
        return HitRecorder(self.fallback_writer, whole_ip_addresses=whole)

    @cached_property
    def preferences(self) -> Preferences:
        """Readers' preferences."""
        from sendtrail.tracking.preferences import Preferences

        return Preferences(
            self._directory(self.interactive_database),
            self.fallback_writer,
            self._participant_projection(self.interactive_database),
            self._erasures(self.interactive_database),
        )

    @cached_property
    def pages(self) -> PublicPages:
        """The public pages. A pixel or a link that is followed needs none of them."""
        from sendtrail.tracking.organisation import Organisation
        from sendtrail.tracking.pages import PublicPages

        return PublicPages(Organisation.of(self.settings))

    # --- staff and schedules ---------------------------------------------------------------------

    @cached_property
    def staff(self) -> StaffCommands:
        """The commands of staff."""
        from sendtrail.staff.commands import StaffCommands
        from sendtrail.staff.ses_suppression_list import SesSuppressionList

        return StaffCommands(
            self.trails,
            self.participant_projection,
            self.directory,
            SesSuppressionList(lambda: self.ses, self.settings.tenant_name),
            self.audit,
            self.erasures,
        )

    @cached_property
    def inactivity(self) -> InactivityReader:
        """The reader of who is due to become inactive."""
        from sendtrail.staff.inactivity import InactivityReader

        settings = self.settings
        return InactivityReader(
            self.database,
            settings.participants_table,
            self.activity,
            years=settings.inactivity_years,
        )

    @cached_property
    def sweep(self) -> InactivitySweep:
        """The daily inactivity sweep."""
        from sendtrail.staff.inactivity import InactivitySweep

        settings = self.settings
        return InactivitySweep(
            self.database,
            settings.participants_table,
            self.trails,
            self.participant_projection,
            self.activity,
            years=settings.inactivity_years,
        )

    # --- people's rights -------------------------------------------------------------------------

    @cached_property
    def person_export(self) -> PersonExport:
        """All that is kept of a person."""
        from sendtrail.reading.person_export import PersonExport

        return PersonExport(
            self.database,
            self.settings.trails_table,
            trails=self.trails,
            directory=self.directory,
            plans=self.plans,
            staff=self.staff_store,
        )

    @cached_property
    def erasing(self) -> Erasing:
        """Erasures of people: asks for them, does them, and tells how far they are."""
        from sendtrail.rights.erasing import Erasing

        settings = self.settings
        return Erasing(
            self.database,
            settings.erasures_table,
            erasures=self.erasures,
            directory=self.directory,
            steps=lambda: self.erasure_steps,
            enqueue=self._enqueue_erasure,
            audit=self.audit,
            log_days=lambda: settings.log_retention_days,
            pass_seconds=lambda: settings.erasure_pass_seconds,
        )

    def _enqueue_erasure(self, erasure_id: str, seconds: int) -> None:
        self.sqs.send_all(self.settings.erase_queue_url, [erasure_id], delay_seconds=seconds)

    @cached_property
    def erasure_steps(self) -> Steps:
        """What erases people."""
        from sendtrail.aws.s3 import Bucket
        from sendtrail.rights.steps import Steps, Tables
        from sendtrail.rights.written import WrittenContent, keys_in

        settings = self.settings
        bucket = Bucket(self.variables, settings.plans_bucket)
        return Steps(
            self.database,
            Tables(
                settings.trails_table,
                settings.communications_table,
                settings.participants_table,
                settings.suppressions_table,
                settings.staff_table,
            ),
            erasures=self.erasures,
            mover=self.trail_mover,
            directory=self.directory,
            written=WrittenContent(bucket, self.drafts, keys_in(self._s3, settings.plans_bucket)),
        )

    @property
    def _s3(self) -> Any:
        """A boto3 client of S3, to list what is in the bucket."""
        import boto3

        make: Callable[..., Any] = boto3.client
        return make("s3")

    # --- reading ---------------------------------------------------------------------------------

    def bind_models(self) -> None:
        """Binds the PynamoDB models that `sendtrail.reading.queries` reads by to the tables."""
        from sendtrail.reading.models import bind

        settings = self.settings
        bind(
            {
                "Trails": settings.trails_table,
                "Communications": settings.communications_table,
                "Suppressions": settings.suppressions_table,
            },
            region=settings.text("AWS_REGION"),
        )

    @cached_property
    def health(self) -> Health:
        """What may be wrong now. It gives up on a queue after two seconds."""
        from sendtrail.aws.service import RetryPolicy
        from sendtrail.aws.sqs import Sqs
        from sendtrail.reading.health import Health, QueueName
        from sendtrail.reading.waiting import held
        from sendtrail.sending.rate_limiter import last_slot

        settings = self.settings
        policy = RetryPolicy(attempts=2, timeout=1.0, first_wait=0.05, within=2.0)
        return Health(
            counts=Sqs(self.variables, retry_policy=policy).counts,
            queues={
                QueueName.INGEST: settings.ingest_queue_url,
                QueueName.HITS: settings.hits_queue_url,
                QueueName.DISPATCH: settings.dispatch_queue_url,
                QueueName.DIRECT: settings.direct_queue_url,
                QueueName.INGEST_DLQ: settings.ingest_dlq_url,
                QueueName.DISPATCH_DLQ: settings.dispatch_dlq_url,
                QueueName.PROJECTIONS_DLQ: settings.quarantine_queue_url,
                QueueName.SWEEP_DLQ: settings.sweep_dlq_url,
                QueueName.ERASE_DLQ: settings.erase_dlq_url,
            },
            held=partial(held, self.holds),
            called_at=partial(last_slot, self.database, settings.idempotency_table),
        )

    @cached_property
    def history(self) -> History:
        """Participants' histories."""
        from sendtrail.reading.history import History

        return History(self.directory)

    @cached_property
    def people(self) -> People:
        """Lists of people."""
        from sendtrail.reading.people import People

        return People(self.directory)

    @cached_property
    def timeline(self) -> Timeline:
        """Participants' timelines."""
        from sendtrail.reading.timeline import Timeline

        return Timeline(self.directory)

    @cached_property
    def preview(self) -> Preview:
        """Previews of messages as they were sent."""
        from sendtrail.reading.preview import Preview

        return Preview(self.history, self.plans, self.renderer)
