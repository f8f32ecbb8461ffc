import assert from "node:assert/strict";
import { main } from "../../src/cli/main.ts";
import { loadConfig } from "../../src/settings/load_config.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

/** A user in a folder. */
function fixture(cwd: string) {
  const host = new FakeHost();
  host.files.makeDir(cwd);
  host.ownProcess.chdir(cwd);
  const cli = (...args: string[]) => main(args, { host });
  const load = (path: string) => loadConfig({ files: host.files, env: host.env, cwd }, { path });
  return { host, cli, load };
}

test("init writes a daemon.toml that loads without a warning, named after its folder, for others to read", async () => {
  const { host, cli, load } = fixture("/srv/My Shop!");
  assert.equal(await cli("init"), 0);
  const path = "/srv/My Shop!/daemon.toml";
  assert.equal(host.files.info(path)?.mode, 0o644);
  const { config, services, warnings } = await load(path);
  assert.deepEqual([config.name, services.map(({ name }) => name), warnings], ["My-Shop", ["hello"], []]);
  assert.match(host.files.readText(path), /^#:schema /);
  assert.equal(
    host.terminal.stdout,
    `wrote ${path}\nnext: \`daemonkit run\` runs it, \`daemonkit validate\` checks it after changes\n`,
  );
});

test("init writes samples that are right once their comment signs are gone", async () => {
  const { host, cli, load } = fixture("/srv/shop");
  assert.equal(await cli("init", "all.toml"), 0);
  assert.match(host.terminal.stdout, /`daemonkit run all\.toml`/);
  const text = host.files.readText("/srv/shop/all.toml");
  host.files.writeText("/srv/shop/all.toml", text.replace(/^# (?=\[|\w+ = )/gm, ""));
  const { config, services } = await load("/srv/shop/all.toml");
  assert.deepEqual([config.name, services.map(({ name }) => name)], ["all", ["hello", "web"]]);
});

test("init never writes over what is there, and names a daemon that may have no such name my-daemon", async () => {
  const { host, cli } = fixture("/srv/äöü");
  host.files.put("/srv/äöü/old.toml", "old");
  assert.equal(await cli("init", "old.toml"), 1);
  assert.match(host.terminal.stderr, /Cannot write \/srv\/äöü\/old\.toml as it is there already/);
  assert.equal(host.files.readText("/srv/äöü/old.toml"), "old");
  assert.equal(await cli("init", "-c", "daemon.toml", "--json"), 0);
  assert.deepEqual(JSON.parse(host.terminal.stdout), { v: 1, path: "/srv/äöü/daemon.toml" });
  assert.match(host.files.readText("/srv/äöü/daemon.toml"), /^name = "my-daemon"$/m);
  assert.equal(await cli("init", "a.toml", "-c", "b.toml"), 2);
});

test("init refuses a .json, which would be read as what it is not", async () => {
  const { host, cli } = fixture("/srv/shop");
  assert.equal(await cli("init", "daemon.json"), 2);
  assert.match(host.terminal.stderr, /Cannot write \/srv\/shop\/daemon\.json as the file will be TOML/);
  assert.equal(host.files.info("/srv/shop/daemon.json"), undefined);
});

test("main names init to whoever has no configuration file yet", async () => {
  const { host, cli } = fixture("/srv/shop");
  assert.equal(await cli("run"), 6);
  assert.match(host.terminal.stderr, /there is no file .*\ndaemonkit: `daemonkit init` writes one to begin with\n$/);
});

test("init on a full disk says so and leaves nothing", async () => {
  const { host, cli } = fixture("/srv/shop");
  host.files.failWrites("IO_NO_RESOURCES");
  assert.equal(await cli("init"), 1);
  assert.deepEqual(host.files.list("/srv/shop"), []);
});
