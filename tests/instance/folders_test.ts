import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ConfigError } from "../../src/core/values/errors.ts";
import { daemonFolders, prepareFolders, rememberOrigin } from "../../src/instance/folders.ts";
import { isSameOrigin } from "../../src/instance/origin.ts";
import { FakeMachine } from "../cli/fake_host.ts";
import { test } from "../harness.ts";

const CONFIG = "/srv/app/daemon.toml";
const idFor = (uid: number) => `demo-${createHash("sha256").update(`${uid}:${CONFIG}`).digest("hex").slice(0, 8)}`;
const ID = idFor(1000);

function machine(changes: { uid?: number; env?: Record<string, string> } = {}): FakeMachine {
  const made = new FakeMachine();
  made.uid = changes.uid ?? 1000;
  Object.assign(made.env, changes.env);
  made.file(CONFIG, 'name = "demo"');
  return made;
}

test("daemonFolders names a daemon by its name and the hash of its file's path, whatever the file leads to", async () => {
  const made = machine();
  const idOf = async (configPath: string | null) => (await daemonFolders({ name: "demo", configPath }, made.host)).id;
  assert.equal(await idOf(CONFIG), ID);
  // A folder under another name is the same folder; a file that is swapped for a link, or is missing, is the same file.
  made.folder("/linked");
  made.links.set("/linked", CONFIG.slice(0, CONFIG.lastIndexOf("/")));
  assert.equal(await idOf(`/linked/${CONFIG.slice(CONFIG.lastIndexOf("/") + 1)}`), ID);
  made.links.set(CONFIG, "/elsewhere/daemon.toml");
  assert.equal(await idOf(CONFIG), ID);
  made.nodes.delete(CONFIG);
  made.links.delete(CONFIG);
  assert.equal(await idOf(CONFIG), ID);
  const program = await idOf(null);
  assert.match(program, /^demo-[0-9a-f]{8}$/);
  // A program is the same one wherever its run folders are.
  made.env.XDG_RUNTIME_DIR = "/elsewhere";
  assert.equal(await idOf(null), program);
});

test("daemonFolders keeps the id when the file gets another name, as what wears the old one would be nobody's", async () => {
  const made = machine();
  const idOf = async (name: string, configPath = CONFIG) => (await daemonFolders({ name, configPath }, made.host)).id;
  const folders = await daemonFolders({ name: "demo", configPath: CONFIG }, made.host);
  made.folder(folders.state);
  rememberOrigin(folders, made.host);
  assert.equal(await idOf("renamed"), ID);
  assert.match(await idOf("renamed", "/elsewhere/daemon.toml"), /^renamed-[0-9a-f]{8}$/);
});

test("daemonFolders takes the folders of cli.md for root and for users", async () => {
  const [ROOT, ID, OTHER] = [idFor(0), idFor(1000), idFor(4711)];
  const rows: [number, Record<string, string>, string | undefined, string, string][] = [
    [0, {}, undefined, `/var/lib/daemonkit/${ROOT}`, `/run/daemonkit/${ROOT}`],
    [0, { XDG_RUNTIME_DIR: "/run/user/0", HOME: "/root" }, undefined, `/var/lib/daemonkit/${ROOT}`, `/run/daemonkit/${ROOT}`],
    [0, { XDG_RUNTIME_DIR: "/x/run", XDG_STATE_HOME: "/x/state" }, undefined, `/x/state/daemonkit/${ROOT}`, `/x/run/daemonkit/${ROOT}`],
    [0, {}, "/data", "/data", `/run/daemonkit/${ROOT}`],
    [1000, { XDG_RUNTIME_DIR: "/run/user/1000", XDG_STATE_HOME: "/s" }, undefined, `/s/daemonkit/${ID}`, `/run/user/1000/daemonkit/${ID}`],
    [1000, { HOME: "/home/me" }, undefined, `/home/me/.local/state/daemonkit/${ID}`, `/home/me/.local/state/daemonkit/${ID}`],
    [1000, { XDG_STATE_HOME: "relative" }, undefined, `/tmp/daemonkit-1000/${ID}`, `/tmp/daemonkit-1000/${ID}`],
    [4711, {}, undefined, `/tmp/daemonkit-4711/${OTHER}`, `/tmp/daemonkit-4711/${OTHER}`],
    [1000, { XDG_RUNTIME_DIR: "/r" }, "/data", "/data", `/r/daemonkit/${ID}`],
    [1000, {}, "/data", "/data", "/data"],
  ];
  for (const [uid, env, stateDir, state, run] of rows) {
    const folders = await daemonFolders(
      { name: "demo", configPath: CONFIG, ...(stateDir ? { stateDir } : {}) },
      machine({ uid, env }).host,
    );
    const { socket, lock, overrides } = folders;
    assert.deepEqual([folders.state, folders.run], [state, run], JSON.stringify([uid, env, stateDir]));
    assert.deepEqual([socket, lock, overrides], [`${run}/admin.sock`, `${run}/lock`, `${state}/overrides.json`]);
  }
});

test("daemonFolders creates nothing", async () => {
  const made = machine();
  const before = [...made.nodes.keys()];
  await daemonFolders({ name: "demo", configPath: CONFIG }, made.host);
  assert.deepEqual([...made.nodes.keys()], before);
});

test("daemonFolders refuses a socket path of more than 100 bytes and says what to do", async () => {
  const made = machine({ env: { XDG_RUNTIME_DIR: `/${"ü".repeat(50)}` } });
  await assert.rejects(
    daemonFolders({ name: "demo", configPath: CONFIG }, made.host),
    (error) => error instanceof ConfigError && /at most 100 bytes.*XDG_RUNTIME_DIR/s.test(error.message),
  );
});

test("prepareFolders goes on to the next folder when a root is read-only, and to an error when none is left", async () => {
  const made = machine({ env: { XDG_RUNTIME_DIR: "/r", XDG_STATE_HOME: "/s" } });
  made.readOnly.add("/r").add("/s");
  const folders = prepareFolders(await daemonFolders({ name: "demo", configPath: CONFIG }, made.host), made.host);
  assert.deepEqual([folders.state, folders.run], [`/tmp/daemonkit-1000/${ID}`, `/tmp/daemonkit-1000/${ID}`]);
  assert.equal(folders.socket, `/tmp/daemonkit-1000/${ID}/admin.sock`);
  // A note says so to people who look for logs and memory in the usual place.
  assert.match(folders.displaced!, /^keeps its state in \/tmp\/daemonkit-1000\/demo-\w+, as \/s\/daemonkit\/demo-\w+ can't be used: /);

  made.readOnly.add("/tmp");
  const wanted = await daemonFolders({ name: "demo", configPath: CONFIG }, made.host);
  assert.throws(() => prepareFolders(wanted, made.host), { code: "IO_DENIED" });
});

test("isSameOrigin: a file that is a link is the same daemon as the file behind it, for as long as it leads there", () => {
  const made = machine();
  const [link, first, second] = ["/etc/app/daemon.toml", "/etc/app/..1/daemon.toml", "/etc/app/..2/daemon.toml"];
  for (const path of [link, first, second]) made.file(path, 'name = "demo"');
  made.links.set(link, first);
  const same = (a: string, b: string) => isSameOrigin(a, b, made.host.files);
  assert.deepEqual([same(link, first), same(link, second), same(first, second)], [true, false, false]);
  made.links.set(link, second);
  assert.deepEqual([same(link, link), same(link, first), same(link, second)], [true, false, true]);
  assert.equal(same(link, "/gone/daemon.toml"), false);
});

test("prepareFolders uses an explicit state folder as it is, or fails", async () => {
  const made = machine({ env: { XDG_RUNTIME_DIR: "/r" } });
  made.readOnly.add("/data");
  const wanted = await daemonFolders({ name: "demo", configPath: CONFIG, stateDir: "/data" }, made.host);
  assert.throws(() => prepareFolders(wanted, made.host), { code: "IO_DENIED" });
});

test("prepareFolders says which key names a state folder in which no file can be made", async () => {
  const made = machine({ env: { XDG_RUNTIME_DIR: "/r" } });
  made.folder("/data", 1000);
  made.readOnly.add("/data");
  const wanted = await daemonFolders({ name: "demo", configPath: CONFIG, stateDir: "/data" }, made.host);
  assert.throws(
    () => prepareFolders(wanted, made.host),
    /Cannot keep anything in \/data as no file can be made there \(state_dir says where\)/,
  );
});

test("prepareFolders refuses a state folder that is not one's own or that all may write to, for root as well", async () => {
  for (const uid of [1000, 0]) {
    for (
      const [owner, mode, message] of [[666, 0o700, /must belong to user \d+: current owner is 666/], [
        uid,
        0o777,
        /others may write to it \(mode 777\)/,
      ]] as const
    ) {
      const made = machine({ uid, env: { XDG_RUNTIME_DIR: "/r" } });
      made.nodes.set("/data", { kind: "directory", text: "", uid: owner, mode });
      const wanted = await daemonFolders({ name: "demo", configPath: CONFIG, stateDir: "/data" }, made.host);
      assert.throws(() => prepareFolders(wanted, made.host), message);
    }
  }
});

test("prepareFolders refuses a folder that somebody else made in the shared place for temporary files, for root as well", async () => {
  const rows: [uid: number, message: RegExp][] = [
    [1000, /must belong to user 1000: current owner is 666/],
    [0, /tried \/var\/lib\/daemonkit\/.*, \/tmp\/daemonkit-0\//],
  ];
  for (const [uid, message] of rows) {
    const made = machine({ uid });
    made.readOnly.add("/var");
    made.folder(`/tmp/daemonkit-${uid}`, 666);
    const wanted = await daemonFolders({ name: "demo", configPath: CONFIG }, made.host);
    assert.throws(() => prepareFolders(wanted, made.host), message);
  }
});

test("prepareFolders refuses a link in the place of the folder below /tmp, and one that others may write to, before it makes anything", async () => {
  for (const [kind, mode] of [["other", 0o777], ["directory", 0o777]] as const) {
    const { host, nodes } = machine();
    nodes.set("/tmp/daemonkit-1000", { kind, text: "", uid: 1000, mode });
    const folders = await daemonFolders({ name: "demo", configPath: CONFIG }, host);
    assert.throws(
      () => prepareFolders({ ...folders, run: folders.state, fallbacks: { state: [], run: [] } }, host),
      /a folder of one's own/,
    );
    assert.deepEqual(host.files.list("/tmp/daemonkit-1000"), []);
  }
});
