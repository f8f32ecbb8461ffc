import assert from "node:assert/strict";
import type { DaemonEvent } from "../../src/core/supervise/event.ts";
import { EventStore } from "../../src/record/event_store.ts";
import { test } from "../harness.ts";

function daemonEvent(seq: number): DaemonEvent {
  return { v: 1, seq, time: "2026-01-01T00:00:00.000Z", type: "daemon.started", reason: "" };
}

test("EventStore keeps the newest 1,024 events, oldest first", () => {
  const store = new EventStore();
  assert.deepEqual(store.kept(), []);
  for (let seq = 1; seq <= 1_024; seq++) store.publish(daemonEvent(seq));
  assert.deepEqual([store.kept().length, store.kept()[0].seq], [1_024, 1]);
  store.publish(daemonEvent(1_025));
  assert.deepEqual(store.kept().map(({ seq }) => seq), Array.from({ length: 1_024 }, (_, index) => index + 2));
});

test("EventStore hands each event to each follower until it is disposed", () => {
  const store = new EventStore();
  const seen: string[] = [];
  const one = store.follow(({ seq }) => seen.push(`one ${seq}`));
  store.publish(daemonEvent(1));
  const two = store.follow(({ seq }) => seen.push(`two ${seq}`));
  store.publish(daemonEvent(2));
  one[Symbol.dispose]();
  store.publish(daemonEvent(3));
  two[Symbol.dispose]();
  store.publish(daemonEvent(4));
  assert.deepEqual(seen, ["one 1", "one 2", "two 2", "two 3"]);
});
