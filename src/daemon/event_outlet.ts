import { EventBus } from "../core/messages/bus.ts";
import type { Clock } from "../core/ports/clock.ts";
import { type Logger, silentLogger } from "../core/ports/log.ts";
import type { DaemonEvent, DaemonLifeEvent, DaemonTopics, EventBody } from "../core/supervise/event.ts";
import { isStoppedState } from "../core/supervise/state.ts";
import { messageOf, SubsystemError } from "../core/values/errors.ts";
import { logEvent } from "../record/event_log.ts";
import { EventStore } from "../record/event_store.ts";
import type { EventListener } from "./plan.ts";

/** The daemon whose events are published. */
export interface EventSource {
  /** Dates the events. */
  readonly clock: Clock;
  /** Its root logger. */
  readonly log: Logger;
  /** Names of units that should be ready and are not. */
  missing(): string[];
  /** Whether it is ready. */
  isReady(): boolean;
  /** Takes the error of a reader. */
  report(error: unknown): void;
}

/** Events that a bus keeps, and the listeners of a builder. */
export interface EventReaders {
  /** Events that the bus keeps for slow readers. */
  readonly capacity: number;
  /** Told of every event. */
  readonly listeners: { readonly all: ReadonlySet<EventListener> | undefined };
}

/** The one place where events of a daemon come out: log, store, listeners and bus read them here. Nothing is made before it is used. */
export class EventOutlet {
  readonly #source: EventSource;
  readonly #readers: EventReaders;
  #seq = 0;
  #wasReady = false;
  #bus: EventBus<DaemonTopics> | undefined;
  #store: EventStore | undefined;

  /** Creates it; nobody reads yet. */
  constructor(source: EventSource, readers: EventReaders) {
    this.#source = source;
    this.#readers = readers;
  }

  /** The bus, made on first use. */
  get bus(): EventBus<DaemonTopics> {
    return this.#bus ??= new EventBus<DaemonTopics>({
      capacity: this.#readers.capacity,
      onHandlerError: (cause, topic) => this.#fail("bus", `Cannot run a handler of "${topic}" on the bus: ${messageOf(cause)}`, cause),
    });
  }

  /** The newest events; they are kept from the first use on. */
  get store(): EventStore {
    return this.#store ??= new EventStore();
  }

  /** How many events were published and lost. The bus, once it is made, also counts what others publish on it. */
  get counts(): { eventsPublished: number; busLagged: number } {
    return { eventsPublished: Math.max(this.#seq, this.#bus?.published ?? 0), busLagged: this.#bus?.lagged ?? 0 };
  }

  /** Whether anybody looks at events. */
  get isObserved(): boolean {
    return this.#bus !== undefined || (this.#readers.listeners.all?.size ?? 0) > 0 || this.#store !== undefined ||
      this.#source.log !== silentLogger;
  }

  /** Numbers and dates an event, logs it, and publishes it. */
  emit(body: EventBody): void {
    if (!this.isObserved) return;
    const { clock, log } = this.#source;
    const event = { v: 1, seq: ++this.#seq, time: new Date(clock.wallMs()).toISOString(), ...body } as DaemonEvent;
    logEvent(log, event);
    this.#store?.publish(event);
    for (const listener of this.#readers.listeners.all ?? []) this.#tell(listener, event);
    if (this.#bus !== undefined) this.#publish(this.#bus, event);
  }

  /** Emits an event of the daemon's own life. */
  announce(type: DaemonLifeEvent["type"], reason: string): void {
    if (this.isObserved) this.emit({ type, reason });
  }

  /** Publishes that a shutdown has begun. */
  publishShutdown(reason: string): void {
    this.#bus?.publish("shutdown", { reason });
  }

  /** Ends the bus; its readers take what is left. */
  close(): void {
    this.#bus?.close();
  }

  #publish(bus: EventBus<DaemonTopics>, event: DaemonEvent): void {
    bus.publish("event", event);
    if (event.type === "unit.state" && event.error !== undefined && !isStoppedState(event.to)) {
      bus.publish("serviceCrashed", { service: event.name, reason: event.reason, error: event.error });
    }
    if (event.type === "config.reload" && event.outcome === "applied") {
      bus.publish("configUpdated", { version: event.version, changed: event.changed });
    }
    if (event.type === "unit.ready" || event.type === "unit.state") this.#publishReadiness(bus);
  }

  #publishReadiness(bus: EventBus<DaemonTopics>): void {
    const ready = this.#source.isReady();
    if (ready === this.#wasReady) return;
    this.#wasReady = ready;
    bus.publish("readiness", { ready, missing: this.#source.missing() });
  }

  #tell(listener: EventListener, event: DaemonEvent): void {
    const fail = (cause: unknown) => this.#fail("events", `Cannot run a listener of events: ${messageOf(cause)}`, cause);
    try {
      const answer = listener(event) as PromiseLike<unknown> | undefined;
      if (typeof answer?.then === "function") answer.then(undefined, fail);
    } catch (cause) {
      fail(cause);
    }
  }

  #fail(path: string, message: string, cause: unknown): void {
    this.#source.report(new SubsystemError("SUBSYSTEM_LISTENER_FAILED", path, message, { cause }));
  }
}
