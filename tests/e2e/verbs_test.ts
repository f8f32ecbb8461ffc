/** Verbs around the daemon: what they write is used by real programs. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { isDeepStrictEqual } from "node:util";
import { e2e, e2eOnce, type Stage, type Subject } from "./driver.ts";
import { until } from "../until.ts";

e2eOnce("init writes what validate accepts and run runs", async (stage) => {
  const made = await stage.cli("init");
  assert.deepEqual([made.code, made.stderr], [0, ""]);
  assert.equal((await stage.cli("validate")).code, 0);
  const daemon = await stage.startDaemon();
  assert.match((await stage.cli("status")).stdout, /hello +running +yes/);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
  assert.equal((await stage.cli("init")).code, 1);
});

/** A program named daemonkit in the stage's folder, as shells call it. */
function installed({ write, env }: Stage, subject: Subject, folder: string): { PATH: string } & Record<string, string> {
  chmodSync(write("daemonkit", `#!/bin/sh\nexec ${subject.argv(folder).map((word) => `'${word}'`).join(" ")} "$@"\n`), 0o755);
  return { ...env, PATH: `${folder}/work:${process.env.PATH}` };
}

const SHOP = `
name = "shop"
[service.worker]
run = "exec sleep 1000"
instances = 2
[service.web]
run = "exec sleep 1000"
`;

e2e("completion bash: bash completes commands, options, values, files, and the units of the daemon", async (stage, subject) => {
  stage.write("daemon.toml", SHOP);
  await stage.startDaemon();
  stage.write("a file.toml", "");
  const folder = stage.folder.slice(0, -"/work".length);
  const env = installed(stage, subject, folder);
  const rows: [line: string, candidates: string[]][] = [
    ["daemonkit sta", ["status", "start"]],
    ["daemonkit config ", ["show", "explain"]],
    ["daemonkit logs --f", ["--follow"]],
    ["daemonkit wait web --for ", ["ready", "started", "stopped"]],
    ["daemonkit wait web --for=re", ["ready"]],
    ["daemonkit stop w", ["worker@0", "worker@1", "web"]],
    ["daemonkit stop web w", ["worker@0", "worker@1"]],
    // Bash replaces a word from its "@" on.
    ["daemonkit stop worker@", ["@0", "@1"]],
    ["daemonkit signal HUP wor", ["worker@0", "worker@1"]],
    ["daemonkit validate a", ["a file.toml"]],
    ["daemonkit -c daemon", ["daemonkit", "daemon.toml"]],
    ["daemonkit stop nothing-like-it", []],
  ];
  const lines = rows.map(([line]) =>
    `COMP_LINE='${line}'; COMP_POINT=${line.length}; _daemonkit_complete; printf '%s|' "\${COMPREPLY[@]}"; echo`
  );
  const script = `source <(daemonkit completion bash)\n${lines.join("\n")}`;
  const expected = rows.map(([, candidates]) => [...candidates].sort());
  // Completion waits half a second for the daemon: on a busy machine the answer may come too late.
  const complete = () => {
    const { stdout } = spawnSync("bash", ["--norc", "-c", script], { cwd: stage.folder, env, encoding: "utf8" });
    return stdout.trimEnd().split("\n").map((line) => line.split("|").filter((value) => value !== "").sort());
  };
  await until(complete, { isRight: (found) => isDeepStrictEqual(found, expected), context: () => expected });
});

if (spawnSync("fish", ["--version"]).status === 0) {
  e2e("completion fish: fish completes commands and units, with what they mean", async (stage, subject) => {
    stage.write("daemon.toml", SHOP);
    await stage.startDaemon();
    const env = { ...installed(stage, subject, stage.folder.slice(0, -"/work".length)), HOME: stage.folder };
    const script = `daemonkit completion fish | source; complete -C "daemonkit stat"; complete -C "daemonkit stop we"`;
    const { stdout } = spawnSync("fish", ["--no-config", "-c", script], { cwd: stage.folder, env, encoding: "utf8" });
    assert.equal(stdout, "status\tshow the daemon and its units\nweb\trunning\n");
  });
}

e2e("profile writes what the daemon does and what it holds, for the owner's eyes only", async (stage) => {
  stage.write("daemon.toml", SHOP);
  await stage.startDaemon();
  const cpu = stage.start("profile", "cpu", "--seconds", "1", "-o", "a.cpuprofile", "--json");
  const { code, stdout, stderr } = await cpu.ended;
  assert.equal(code, 0, stderr);
  const path = join(stage.folder, "a.cpuprofile");
  assert.deepEqual(JSON.parse(stdout), { v: 1, kind: "cpu", path, bytes: statSync(path).size });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.ok(Array.isArray(JSON.parse(readFileSync(path, "utf8")).nodes));

  const heap = await stage.cli("profile", "heap");
  assert.equal(heap.code, 0, heap.stderr);
  const [, name] = /^wrote .*\/(shop-\d{8}-\d{6}\.heapsnapshot) /.exec(heap.stdout)!;
  assert.ok(readFileSync(join(stage.folder, name), "utf8").startsWith('{"snapshot"'));

  // A follower that goes leaves nothing behind, and the next one need not wait for its time to be over.
  const left = stage.start("profile", "cpu", "--seconds", "300", "-o", "b.cpuprofile");
  await until(() => existsSync(join(stage.folder, "b.cpuprofile.part")));
  left.kill("SIGINT");
  assert.equal((await left.ended).code, 130);
  await until(() => stage.cli("profile", "heap", "-o", "c.heapsnapshot"), { isRight: ({ code }) => code === 0 });
  const made = readdirSync(stage.folder).filter((file) => /profile|snapshot/.test(file)).sort();
  assert.deepEqual(made, ["a.cpuprofile", "c.heapsnapshot", name]);
});
