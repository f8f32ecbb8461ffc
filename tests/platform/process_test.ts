/** The end, the signals, the terminal and the limits of a process: only a process of its own can show them. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { tempDir } from "../conformance/temp_dir.ts";
import { Program } from "../fixtures/spawn.ts";
import { test } from "../harness.ts";

const FIXTURE = new URL("../fixtures/platform.ts", import.meta.url);
const isDeno = "Deno" in globalThis;
const COMMAND = [process.execPath, ...(isDeno ? ["run", "-A", "--no-check"] : []), fileURLToPath(FIXTURE)];
const isRoot = process.geteuid?.() === 0;

const run = (...args: string[]) => new Program(FIXTURE, args);
/** Runs a shell script in which `"$@"` is the fixture. */
const shell = (script: string, ...args: string[]) =>
  spawnSync("sh", ["-c", script, "sh", ...COMMAND, ...args], { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
const hasScript = spawnSync("script", ["--version"]).status === 0;

test("exited: real-time signals have no name on either runtime, and are told nevertheless", async () => {
  // In a process of its own, because Deno keeps an entry in its table of resources, though no descriptor, for each such child.
  await using program = run("real-time-signals");
  assert.equal(await program.exited, 0, program.stderr);
  assert.deepEqual(program.lines.map((line) => JSON.parse(line)), [34, 64, 34].map((number) => ({ code: null, signal: `SIG${number}` })));
});

if (process.platform === "linux") {
  test("belonging: a parent of orphans finds what a run has left, and reads of nobody when it left nothing", async () => {
    // In a process of its own, as every child counts that the process has.
    await using program = run("kin");
    assert.equal(await program.exited, 0, program.stderr);
    assert.deepEqual(program.lines, [
      "left nobody: true",
      "left nobody: true",
      "left an orphan: true",
      "left an orphan: true",
      "left an orphan without a mark: true",
      "left an orphan without a mark: true",
      "left nobody, beside the orphan of another: true",
      "left nobody, beside the orphan of another: true",
      "its orphan has ended: true",
      "its orphan has ended: true",
    ]);
  });
}

test("onUncaught: every stray error is heard, with its label where the runtime can tell", async () => {
  await using program = run("uncaught");
  assert.equal(await program.exited, 0, program.stderr);
  const [a, b, c, d] = isDeno ? ["a", "b", undefined, "d"] : [undefined, undefined, "c", undefined];
  assert.deepEqual(program.lines, [
    `microtask of ${b}`,
    `no error at all of ${d}`,
    "nobody's of undefined",
    `rejection of ${a}`,
    `timer of ${c}`,
    "alive",
  ]);
});

test("onUncaught: once disposed, a stray error ends the process as it does by default", async () => {
  await using program = run("uncaught-undone");
  assert.equal(await program.exited, 1);
  assert.deepEqual(program.lines, []);
  assert.match(program.stderr, /not handled/);
});

test("hold: keeps the process alive until it is disposed, and the exit code that was set is the process's", async () => {
  await using program = run("hold");
  await program.saw("holding");
  process.kill(program.child.pid!, "SIGTERM");
  assert.equal(await program.exited, 7);
  assert.deepEqual(program.lines, ["holding", "told", "over"]);
});

test("signals: a listener alone keeps nothing alive", async () => {
  await using program = run("listens-only");
  assert.equal(await program.exited, 0);
  assert.deepEqual(program.lines, ["over"]);
});

test("signals: with the last listener gone, the default action is back", async () => {
  await using program = run("default-action");
  await program.saw("ready");
  process.kill(program.child.pid!, "SIGTERM");
  assert.equal(await program.exited, 128 + 15);
  assert.deepEqual(program.lines, ["ready"]);
});

test("exit: ends at once with its code", async () => {
  await using program = run("exit");
  assert.equal(await program.exited, 9);
  assert.deepEqual(program.lines, ["leaving"]);
});

test("command: starts the same program again, with the arguments that are added", async () => {
  await using program = run("command");
  assert.equal(await program.exited, 0, program.stderr);
  assert.deepEqual(program.lines, [`["command"]`, `["command","again","--flag"]`]);
});

test("terminal: neither a pipe, nor a file, nor /dev/null is one", () => {
  using dir = tempDir();
  const file = `${dir.path}/out`;
  assert.equal(shell(`"$@" 2>&1`, "terminal").stdout, "false false 80 24\n");
  assert.equal(shell(`"$@" 2>/dev/null`, "terminal").stdout, "false false 80 24\n");
  assert.equal(shell(`"$@" >${file} 2>&1; cat ${file}`, "terminal").stdout, "false false 80 24\n");
  assert.equal(shell(`"$@" 2>&-`, "terminal").stdout, "false false 80 24\n");
});

if (hasScript) {
  test("terminal: a pseudo terminal is one, and has a width and a height", () => {
    const command = COMMAND.map((word) => `'${word}'`).join(" ");
    const { stdout } = spawnSync("script", ["-qec", `stty cols 123 rows 45; ${command} terminal`, "/dev/null"], { encoding: "utf8" });
    // On a terminal that has a height Deno clears some lines first.
    assert.match(stdout.trim(), /true true 123 45$/);
  });
}

test("terminal.write: false, and no signal, when the reader has gone", () => {
  const { stderr } = shell(`"$@" | head -c 1 >/dev/null`, "write", "1000000");
  assert.equal(stderr, "false\n");
});

test("terminal.write: whole and once into a non-blocking pipe that is full", async () => {
  // dd leaves the pipe non-blocking for whoever comes after it.
  const child = spawn("sh", [
    "-c",
    `{ dd oflag=nonblock </dev/null 2>/dev/null; "$@"; } | { sleep 0.3; wc -c; }`,
    "sh",
    ...COMMAND,
    "write",
    "3000000",
  ], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => out += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => err += text);
  await new Promise((resolve) => child.on("close", resolve));
  assert.deepEqual([out.trim(), err], ["3000000", "true\n"]);
});

test("terminal.post: what goes to both keeps its order where both are one pipe, and all of it is written before the end", () => {
  using dir = tempDir();
  const { stdout, stderr } = shell(`"$@" 2>&1 | cat`, "post", "20000", `${dir.path}/result`);
  assert.equal(stdout, Array.from({ length: 20_000 }, (_, number) => `line ${number}\n`).join(""), stderr);
  assert.deepEqual(JSON.parse(readFileSync(`${dir.path}/result`, "utf8")), { isWritten: true, isBusy: false, isRead: true });
});

test("terminal.post: a pipe that is full holds up nothing, not even the end", () => {
  using dir = tempDir();
  // Open at both ends, so that it is there and nobody reads it.
  const pipe = `${dir.path}/pipe`;
  const { status, stderr } = shell(`mkfifo ${pipe}; exec 3<>${pipe}; "$@" >&3 2>&3`, "post", "20000", `${dir.path}/result`);
  assert.equal(status, 0, stderr);
  assert.deepEqual(JSON.parse(readFileSync(`${dir.path}/result`, "utf8")), { isWritten: false, isBusy: true, isRead: true });
});

test("terminal.post: false, and no signal, when the reader has gone", () => {
  using dir = tempDir();
  shell(`"$@" 2>/dev/null | head -c 1 >/dev/null`, "post", "200000", `${dir.path}/result`);
  assert.deepEqual(JSON.parse(readFileSync(`${dir.path}/result`, "utf8")), { isWritten: true, isBusy: false, isRead: false });
});

test("terminal.post: a file gets everything in order and at once", () => {
  using dir = tempDir();
  const { stdout } = shell(`"$@" >"$0.out" 2>&1; cat "$0.out"`.replaceAll("$0", `${dir.path}/x`), "post", "1000", `${dir.path}/result`);
  assert.equal(stdout, Array.from({ length: 1_000 }, (_, number) => `line ${number}\n`).join(""));
});

test("http.request: no proxy of the environment comes between", () => {
  using dir = tempDir();
  const { stdout, stderr } = shell(
    `http_proxy=http://127.0.0.1:9 HTTP_PROXY=http://127.0.0.1:9 ALL_PROXY=http://127.0.0.1:9 "$@"`,
    "proxy",
    `${dir.path}/s`,
  );
  assert.equal(stdout, "/direct\nsocket\n", stderr);
});

// Acceptance runner 43: disk full: services run on, drops are counted, one warning a minute, recovery.
test("openAppend: a write that fails half way leaves nothing of itself behind", () => {
  using dir = tempDir();
  const { stdout, stderr } = shell(`trap '' XFSZ; ulimit -f 2001; "$@"`, "small-files", `${dir.path}/log`);
  assert.equal(stdout, "IoError, 0 bytes too many\n", stderr);
});

// Acceptance runner 2: a spawn that fails for lack of resources is counted and tried again with backoff.
test("spawn: without files left it fails with IO_NO_RESOURCES, and succeeds when there are some again", () => {
  const { stdout, stderr } = shell(`ulimit -n 64; "$@"`, "few-files");
  assert.equal(stdout, `IO_NO_RESOURCES\n{"code":3,"signal":null}\n`, stderr);
});

// Acceptance runner 62: garbage, half-open connections and vanishing clients harm nobody.
test("serve: goes on when there was no file left for a connection, and keeps those that it has (runner 62)", () => {
  using dir = tempDir();
  const { stdout, stderr, status } = shell(`ulimit -n 64; exec "$@"`, "no-files-http", `${dir.path}/s`);
  assert.deepEqual([stdout, status], ["ok tick\nok tick\n600\n", 0], stderr);
});

// Acceptance runner 2: a spawn that fails for lack of resources is counted and tried again with backoff.
test("signalGroup: without a file left to open, programs are seen and stopped all the same (runner 2)", () => {
  const { stdout, stderr } = shell(`ulimit -n 64; "$@"`, "no-files");
  assert.equal(stdout, `[[true,"it","own"],[true,true,true],{"code":7,"signal":null}]\n[false,[],false]\n`, stderr);
});

test("spawn: a program gets the soft limit of files back that the runtime has raised for itself", () => {
  using dir = tempDir();
  const { stdout, stderr } = shell(`ulimit -Sn 400; "$@"; code=$?; exit $code`, "limits", dir.path);
  const [limits, ...refused] = stdout.trim().split("\n");
  const [own, inherited, softened, hardened] = JSON.parse(limits);
  assert.deepEqual([inherited, softened, hardened], [[400, own], [300, own], [200, 200]], stderr);
  assert.ok(own > 400);
  assert.match(refused[0], /^SPAWN_NOT_FOUND .*the interpreter \/no\/such\/interpreter/);
  assert.match(refused[1], /^SPAWN_NOT_FOUND /);
});

test("spawn: a soft limit of files that was set on purpose, with the hard one, is left alone", () => {
  using dir = tempDir();
  const { stdout, stderr } = shell(`ulimit -n 400; "$@"; code=$?; exit $code`, "limits", dir.path);
  assert.deepEqual(JSON.parse(stdout.split("\n")[0]), [400, [400, 400], [300, 400], [200, 200]], stderr);
});

if (isRoot) {
  // Acceptance runner 3: a user that is unknown or refused: never started, never as root.
  test("spawn: a user, niceness, score, limit or folder that is refused means not started", async () => {
    await using program = run("other-user");
    await program.exited;
    assert.deepEqual(
      program.lines,
      [
        "SPAWN_BAD_USER",
        "SPAWN_BAD_USER",
        "SPAWN_BAD_USER",
        "SPAWN_DENIED",
        "SPAWN_DENIED",
        "SPAWN_DENIED",
        "SPAWN_BAD_CWD",
        "SPAWN_DENIED",
        "SPAWN_NOT_FOUND",
      ],
      program.stderr,
    );
  });
}

test("watcher: a watch alone keeps nothing alive", async () => {
  await using program = run("watch", "/tmp");
  assert.equal(await program.exited, 0);
  assert.deepEqual(program.lines, ["watching"]);
});

if (spawnSync("unshare", ["-Ur", "true"]).status === 0) {
  test("watcher: IO_NO_RESOURCES when the system has no more watches or watchers", () => {
    for (const limit of ["max_inotify_watches", "max_inotify_instances"]) {
      const script = `unshare -Ur sh -c 'echo 0 >/proc/sys/user/${limit} && exec "$@"' sh "$@"`;
      assert.equal(shell(script, "watch", "/tmp").stdout, "IO_NO_RESOURCES\n", limit);
    }
  });
}

test("lock: it is the kernel's flock, and goes with its holder, however that one ends", async () => {
  using dir = tempDir();
  const path = `${dir.path}/lock`;
  const isFree = () => spawnSync("flock", ["-n", path, "true"]).status === 0;
  assert.ok(isFree());
  {
    await using first = run("lock", path);
    await first.saw("locked");
    assert.ok(!isFree());
    await using second = run("lock", path);
    assert.equal(await second.exited, 0);
    assert.deepEqual(second.lines, ["refused"]);
    process.kill(first.child.pid!, "SIGKILL");
    await first.exited;
  }
  assert.ok(isFree());
});
