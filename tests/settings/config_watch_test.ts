import assert from "node:assert/strict";
import { ConfigWatch } from "../../src/settings/config_watch.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

const PATH = "/etc/app/daemon.toml";

/** A watch of one file in memory; what it told, in order. */
class Watched {
  readonly host = new FakeHost();
  readonly told: string[] = [];
  readonly troubles: string[] = [];
  /** Answers to the next changes: whether the file was there to be read. */
  wasRead = true;
  /** The text that was taken last. */
  taken: string | undefined = "old";
  /** Resolves before a change is answered. */
  answering: Promise<void> = Promise.resolve();
  readonly watch: ConfigWatch;

  constructor(text = "old") {
    this.host.files.put(PATH, text);
    this.watch = new ConfigWatch({
      files: this.host.files,
      watcher: this.host.watcher,
      clock: this.host.clock,
      path: PATH,
      loaded: "old",
      taken: () => this.taken,
      // deno-lint-ignore require-await -- what it throws is to be a rejection
      read: async () => {
        if (this.host.files.info(PATH) === undefined) return undefined;
        return this.host.files.readText(PATH) || undefined;
      },
      onChange: async () => {
        this.told.push(this.host.files.readText(PATH));
        await this.answering;
        return this.wasRead;
      },
      onTrouble: (message) => void this.troubles.push(message),
    });
  }

  async write(text: string, waitMs: number): Promise<void> {
    this.host.files.put(PATH, text);
    await this.host.clock.advance(waitMs);
  }
}

test("ConfigWatch tells once of each save, when it is quiet", async () => {
  const watched = new Watched();
  using _watch = watched.watch;
  await watched.host.clock.advance(1_000);
  assert.deepEqual(watched.told, []);
  await watched.write("new", 49);
  await watched.write("newer", 49);
  assert.deepEqual(watched.told, []);
  await watched.host.clock.advance(1);
  assert.deepEqual(watched.told, ["newer"]);
  await watched.host.clock.advance(60_000);
  assert.deepEqual(watched.told, ["newer"]);
});

test("ConfigWatch sees a rename over the file, and one that goes away and comes back", async () => {
  const watched = new Watched();
  using _watch = watched.watch;
  const { files, clock } = watched.host;
  files.put("/etc/app/.draft", "renamed");
  files.rename("/etc/app/.draft", PATH);
  await clock.advance(100);
  files.remove(PATH);
  await clock.advance(100);
  await watched.write("back", 100);
  assert.deepEqual(watched.told, ["renamed", "back"]);
});

test("ConfigWatch compares texts: what was saved without a change is not told", async () => {
  const watched = new Watched();
  using _watch = watched.watch;
  await watched.write("old", 100);
  watched.host.files.remove(PATH);
  await watched.write("old", 100);
  assert.deepEqual(watched.told, []);
});

test("ConfigWatch does not offer what was taken since it saw something older, also when it looks again before that is over", async () => {
  const watched = new Watched();
  using _watch = watched.watch;
  const answer = Promise.withResolvers<void>();
  watched.answering = answer.promise;
  await watched.write("not yet", 60);
  // The reader that is told reads this one.
  await watched.write("new", 60);
  watched.taken = "new";
  answer.resolve();
  await watched.host.clock.advance(60_000);
  assert.deepEqual(watched.told, ["not yet"]);
  // A text that was refused is no longer in force as it was read.
  watched.taken = undefined;
  await watched.write("broken", 60);
  await watched.write("new", 60);
  assert.deepEqual(watched.told, ["not yet", "broken", "new"]);
});

test("ConfigWatch waits for what is missing or empty", async () => {
  const watched = new Watched();
  using _watch = watched.watch;
  await watched.write("", 10_000);
  watched.host.files.remove(PATH);
  await watched.host.clock.advance(10_000);
  assert.deepEqual(watched.told, []);
  await watched.write("whole", 100);
  assert.deepEqual(watched.told, ["whole"]);
});

test("ConfigWatch tells in between when saves never end", async () => {
  const watched = new Watched();
  using _watch = watched.watch;
  await watched.host.clock.advance(100);
  for (let save = 1; save <= 100; save++) await watched.write(`save ${save}`, 20);
  await watched.host.clock.advance(100);
  // Two seconds of saves every 20 ms: one look every 500 ms, and one for the last.
  assert.equal(watched.told.length, 4);
  assert.equal(watched.told.at(-1), "save 100");
});

test("ConfigWatch offers a text again that could not be read in time, and never one that was refused", async () => {
  const watched = new Watched();
  using _watch = watched.watch;
  watched.wasRead = false;
  await watched.write("new", 50);
  watched.wasRead = true;
  await watched.host.clock.advance(10_000);
  assert.deepEqual(watched.told, ["new", "new"]);
});

test("ConfigWatch tells of a change between the load and its own beginning", async () => {
  const watched = new Watched("changed meanwhile");
  using _watch = watched.watch;
  await watched.host.clock.advance(50);
  assert.deepEqual(watched.told, ["changed meanwhile"]);
});

test("ConfigWatch looks by the clock where a folder can't be watched, and says so once", async () => {
  const watched = new Watched();
  using _watch = watched.watch;
  watched.host.watcher.failWatches("IO_NO_RESOURCES", Infinity);
  watched.host.watcher.emit("/etc/app");
  await watched.host.clock.advance(50);
  assert.equal(watched.host.watcher.count(), 0);
  await watched.write("unseen", 4_000);
  assert.deepEqual(watched.told, []);
  await watched.host.clock.advance(1_000);
  assert.deepEqual(watched.told, ["unseen"]);
  assert.equal(watched.troubles.length, 1);
});

test("ConfigWatch leaves nothing behind", async () => {
  const watched = new Watched();
  await watched.host.clock.advance(1_000);
  watched.watch[Symbol.dispose]();
  // The files of a module may be known only now.
  watched.watch.renew();
  assert.deepEqual([watched.host.watcher.count(), watched.host.clock.pendingTimers], [0, 0]);
  await watched.write("new", 10_000);
  assert.deepEqual(watched.told, []);
});
