import assert from "node:assert/strict";
import { CancelToken, stopReason } from "../../../src/core/supervise/cancel.ts";
import { ShutdownError } from "../../../src/core/values/errors.ts";
import { test } from "../../harness.ts";

function rooted(): { root: CancelToken; blamed: unknown[] } {
  const blamed: unknown[] = [];
  return { root: new CancelToken({ onListenerError: (error) => void blamed.push(error) }), blamed };
}

test("CancelToken.cancel reaches callbacks and children in the order in which they were added, before it returns", () => {
  const root = new CancelToken();
  const order: string[] = [];
  root.onCancel(() => void order.push("first"));
  const child = root.child();
  child.onCancel(() => void order.push("child"));
  child.child().onCancel(() => void order.push("grandchild"));
  root.onCancel((reason) => void order.push(`last ${reason}`));
  assert.equal(root.cancel("bye"), true);
  assert.deepEqual(order, ["first", "child", "grandchild", "last bye"]);
});

test("CancelToken.cancel keeps the first reason, in the whole tree", () => {
  const root = new CancelToken();
  const [early, late] = [root.child(), root.child()];
  early.cancel("own");
  assert.equal(root.isCancelled, false);
  root.cancel("root");
  assert.equal(root.cancel("again"), false);
  assert.deepEqual([early.reason, late.reason, root.reason, root.child().reason], ["own", "root", "root", "root"]);
  assert.equal(early.signal.reason, "own");
});

test("CancelToken stages come in order, each implies those before it, and each is called once", () => {
  for (const calls of [["cancel", "force", "kill"], ["force", "kill"], ["kill"], ["cancel", "kill", "force"]] as const) {
    const root = new CancelToken();
    const order: string[] = [];
    const child = root.child();
    child.onKill(() => void order.push("kill"));
    child.onForce(() => void order.push("force"));
    child.onCancel(() => void order.push("cancel"));
    child.signal.addEventListener("abort", () => void order.push("abort"));
    for (const call of calls) root[call]("bye");
    for (const call of calls) assert.equal(root[call]("again"), false);
    assert.deepEqual(order, ["cancel", "abort", "force", "kill"]);
    assert.deepEqual([child.isCancelled, child.isForced, child.reason], [true, true, "bye"]);
    assert.equal(root.size, 1);
    assert.equal(child.size, 0);
  }
});

test("CancelToken calls a callback that comes late at once, up to the stage that was reached", () => {
  const root = new CancelToken();
  root.force("bye");
  const order: string[] = [];
  for (const token of [root, root.child()]) {
    token.onCancel((reason) => void order.push(`cancel ${reason}`));
    token.onForce((reason) => void order.push(`force ${reason}`));
    token.onKill((reason) => void order.push(`kill ${reason}`));
  }
  assert.deepEqual(order, ["cancel bye", "force bye", "cancel bye", "force bye"]);
  root.kill("other");
  assert.deepEqual(order.slice(4), ["kill bye", "kill bye"]);
});

test("CancelToken blames the nearest handler for what listeners throw, and runs the others", () => {
  const { root, blamed } = rooted();
  const near: unknown[] = [];
  const child = root.child({ onListenerError: (error) => void near.push(error) });
  const order: string[] = [];
  const bad = (text: string) => () => {
    throw text;
  };
  root.onCancel(bad("callback"));
  root.signal.addEventListener("abort", bad("listener"));
  root.signal.addEventListener("abort", { handleEvent: bad("object") });
  root.signal.onabort = bad("property");
  child.child().signal.addEventListener("abort", bad("grandchild"));
  root.onCancel(() => void order.push("callback"));
  root.signal.addEventListener("abort", () => void order.push("listener"));
  root.cancel("bye");
  assert.deepEqual(blamed, ["callback", "listener", "object", "property"]);
  assert.deepEqual(near, ["grandchild"]);
  assert.deepEqual(order, ["callback", "listener"]);
});

test("CancelToken.signal behaves as an AbortSignal: once, duplicates, removal, objects, this and onabort", () => {
  const { root, blamed } = rooted();
  const { signal } = root;
  assert.ok(signal instanceof AbortSignal);
  const calls: string[] = [];
  const twice = () => void calls.push("twice");
  const removed = () => calls.push("removed");
  const object = {
    name: "object",
    handleEvent(this: { name: string }, event: Event) {
      calls.push(`${this.name} ${event.type}`);
    },
  };
  signal.addEventListener("abort", twice);
  signal.addEventListener("abort", twice);
  signal.addEventListener("abort", removed);
  signal.removeEventListener("abort", removed);
  signal.removeEventListener("abort", () => {});
  signal.addEventListener("abort", object);
  signal.addEventListener("abort", function (this: AbortSignal, event) {
    calls.push(`this ${this === signal && event.target === signal}`);
  }, { once: true });
  const ended = new AbortController();
  signal.addEventListener("abort", () => calls.push("listener of an ended signal"), { signal: ended.signal });
  ended.abort();
  const replaced = () => calls.push("replaced");
  signal.onabort = replaced;
  signal.onabort = () => void calls.push("onabort");
  root.cancel("bye");
  signal.dispatchEvent(new Event("abort"));
  assert.deepEqual(calls, ["twice", "object abort", "this true", "onabort", "twice", "object abort", "onabort"]);
  assert.throws(() => signal.throwIfAborted(), (reason) => reason === "bye");
  assert.deepEqual(blamed, []);
});

test("CancelToken.signal: onabort and a listener of the same function are two registrations", () => {
  const root = new CancelToken();
  let calls = 0;
  const listener = () => void calls++;
  root.signal.addEventListener("abort", listener);
  root.signal.onabort = listener;
  assert.equal(root.signal.onabort, listener);
  root.signal.onabort = null;
  assert.equal(root.signal.onabort, null);
  root.cancel("bye");
  assert.equal(calls, 1);
});

test("CancelToken.signal that is made after the stop is aborted already", () => {
  const root = new CancelToken();
  root.cancel("bye");
  assert.ok(root.signal.aborted);
  assert.equal(root.signal.reason, "bye");
  assert.ok(AbortSignal.any([root.signal]).aborted);
});

test("CancelToken.signal aborts also when a callback forces the token meanwhile", () => {
  const root = new CancelToken();
  const order: string[] = [];
  const { signal } = root;
  signal.addEventListener("abort", () => void order.push("abort"));
  root.onCancel(() => void root.force("hurry"));
  root.onCancel(() => void order.push("cancel"));
  root.onForce(() => void order.push("force"));
  root.child().onForce(() => void order.push("child"));
  root.cancel("bye");
  assert.ok(signal.aborted);
  assert.deepEqual(order.sort(), ["abort", "cancel", "child", "force"]);
  assert.equal(root.reason, "bye");
});

test("CancelToken: a callback that disposes others or adds some during the stop", () => {
  const root = new CancelToken();
  const order: string[] = [];
  root.onCancel(() => {
    later[Symbol.dispose]();
    child[Symbol.dispose]();
    root.onCancel(() => void order.push("added"));
  });
  const later = root.onCancel(() => void order.push("disposed"));
  const child = root.child();
  child.onCancel(() => void order.push("disposed child"));
  root.onCancel(() => void order.push("last"));
  root.cancel("bye");
  assert.deepEqual(order, ["added", "last"]);
  assert.equal(root.size, 0);
});

test("CancelToken: a disposed child hears nothing any more, and disposing twice is nothing", () => {
  const root = new CancelToken();
  const child = root.child();
  const callback = root.onCancel(() => assert.fail("was disposed"));
  assert.equal(root.size, 2);
  for (const each of [child, callback, child, callback]) each[Symbol.dispose]();
  assert.equal(root.size, 0);
  root.cancel("bye");
  assert.equal(child.isCancelled, false);
});

test("CancelToken.race settles like the promise or rejects with the reason, and leaves nothing behind", async () => {
  const root = new CancelToken();
  assert.equal(await root.race(Promise.resolve(7)), 7);
  await assert.rejects(root.race(Promise.reject(new Error("own"))), /own/);
  const never = new Promise<void>(() => {});
  const races = Array.from({ length: 1_000 }, () => root.race(never));
  assert.equal(root.size, 1_000);
  root.cancel("bye");
  for (const race of races) await assert.rejects(race, (reason) => reason === "bye");
  await assert.rejects(root.race(never), (reason) => reason === "bye");
  const late = Promise.reject(new Error("nobody waits"));
  await assert.rejects(root.race(late), (reason) => reason === "bye");
  assert.equal(root.size, 0);
});

test("CancelToken.race against a promise that settles a thousand times over leaves nothing on a long life", async () => {
  const root = new CancelToken();
  for (let turn = 0; turn < 1_000; turn++) await root.race(Promise.resolve(turn));
  assert.equal(root.size, 0);
});

test("CancelToken.cancelled and throwIfCancelled", async () => {
  const root = new CancelToken();
  root.throwIfCancelled();
  const waits = [root.cancelled(), root.child().cancelled()];
  const reason = stopReason("stop");
  root.cancel(reason);
  await Promise.all([...waits, root.cancelled()]);
  assert.equal(root.size, 1);
  assert.throws(() => root.throwIfCancelled(), (thrown) => thrown === reason);
  assert.ok(reason instanceof ShutdownError && reason.code === "SHUTDOWN_REQUESTED");
});

test("CancelToken cancels 100,000 children, and lets go of each that is disposed", () => {
  const root = new CancelToken();
  let cancelled = 0;
  const children = Array.from({ length: 100_000 }, () => {
    const child = root.child();
    child.onCancel(() => void cancelled++);
    return child;
  });
  for (let index = 0; index < 100_000; index += 2) children[index][Symbol.dispose]();
  assert.equal(root.size, 50_000);
  root.cancel("bye");
  assert.equal(cancelled, 50_000);
  for (const child of children) child[Symbol.dispose]();
  assert.equal(root.size, 0);
});

test("CancelToken.race takes nothing but what has a then, and leaves nothing of one whose then throws", async () => {
  const token = new CancelToken();
  const hostile = [
    {
      then: () => {
        throw new Error("thrown");
      },
    }, // deno-fmt-ignore
    { get then(): never { throw new Error("thrown") } }, // deno-fmt-ignore
  ];
  for (const thenable of hostile) await assert.rejects(token.race(thenable as unknown as PromiseLike<unknown>), /^Error: thrown$/);
  for (const wrong of [5, undefined, null, {}, { then: 5 }]) {
    await assert.rejects(
      token.race(wrong as unknown as PromiseLike<unknown>),
      /^TypeError: Cannot race as "promise\.then" must be a function/,
    );
  }
  let reads = 0;
  const moody = {
    get then() {
      return reads++ === 0 ? (resolve: (value: string) => void) => resolve("once") : undefined;
    },
  };
  assert.equal(await token.race(moody as unknown as PromiseLike<string>), "once");
  assert.equal(token.size, 0);
});
