import type { DaemonEvent } from "../core/supervise/event.ts";
import { Ring } from "../core/messages/ring.ts";

/** Events kept. */
const CAPACITY = 1_024;

/** The newest events of a daemon, for those who come late or come back. */
export class EventStore {
  readonly #ring = new Ring<DaemonEvent>(CAPACITY);
  readonly #followers = new Set<(event: DaemonEvent) => void>();

  /** Keeps an event and hands it to all who follow, within the same turn: between a look at {@linkcode EventStore.kept} and a call of `follow` nothing is lost. */
  publish(event: DaemonEvent): void {
    this.#ring.push(event, event.seq);
    for (const follower of this.#followers) follower(event);
  }

  /** The events that are still there, oldest first. */
  kept(): DaemonEvent[] {
    const { oldest, head } = this.#ring;
    return Array.from({ length: head - oldest }, (_, index) => this.#ring.at(oldest + index));
  }

  /** Calls `fn` for each new event until disposed. It must not throw. */
  follow(fn: (event: DaemonEvent) => void): Disposable {
    // In a box, so that the same function may follow twice.
    const follower = (event: DaemonEvent) => fn(event);
    this.#followers.add(follower);
    return { [Symbol.dispose]: () => void this.#followers.delete(follower) };
  }
}
