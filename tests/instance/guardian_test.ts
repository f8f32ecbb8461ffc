import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { GUARDIAN_SCRIPT, guardianArgv, guardianEnvironment } from "../../src/instance/guardian.ts";
import { test } from "../harness.ts";
import { until } from "../until.ts";

/** The shells that are here and that a system may have as its sh; not that of busybox, whose sleep nothing can replace. */
const SHELLS = ["/bin/sh", "/bin/dash", "/bin/bash"].filter((file) => existsSync(file));
/** Ends like a daemon that was killed: the lock still says that it runs. */
const DIE = `echo running >"$LOCK"; kill -9 $$`;

/** A guardian over a text for sh, in a folder of its own where waiting takes no time. */
class Ward {
  readonly folder = mkdtempSync(join(tmpdir(), "dk-guardian-"));
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;

  /** With `isSplit`, lock and log have folders of their own. */
  constructor(
    shell: string,
    daemon: string,
    { sleep = `echo "$1" >>${this.folder}/sleeps`, mkdir = `exec /bin/mkdir "$@"`, isSplit = false } = {},
  ) {
    for (const [name, text] of [["sleep", sleep], ["mkdir", mkdir]]) {
      this.write(name, `#!/bin/sh\n${text}\n`);
      chmodSync(join(this.folder, name), 0o755);
    }
    this.write("uptime", "100.50 7.00\n");
    const [log, lock] = isSplit ? ["state/log", "run/lock"] : ["log", "lock"];
    for (const path of [log, lock]) mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    this.write(lock, "");
    this.write("guardian.sh", GUARDIAN_SCRIPT);
    const [, ...argv] = guardianArgv({
      script: join(this.folder, "guardian.sh"),
      command: ["/bin/sh", "-c", `echo start >>starts; ${daemon}`],
      log: join(this.folder, log),
      lock: join(this.folder, lock),
      uptime: join(this.folder, "uptime"),
    });
    const env = {
      ...guardianEnvironment({ DAEMONKIT_UNIT: "x/y/1" }, { lock: "the lock", origin: "/x", state: "/state" }),
      LOCK: join(this.folder, lock),
      LOG_FOLDER: join(this.folder, "state"),
    };
    this.child = spawn(shell, argv, {
      cwd: this.folder,
      env: { ...env, PATH: `${this.folder}:/usr/local/bin:/usr/bin:/bin` },
      stdio: "ignore",
    });
    this.ended = new Promise((resolve) => this.child.on("exit", (code) => resolve(code)));
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  /** Lines of a file; none as long as it is not there. */
  lines(name: string): string[] {
    const path = join(this.folder, name);
    return existsSync(path) ? readFileSync(path, "utf8").split("\n").filter((line) => line !== "") : [];
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.child.pid!, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.signal("SIGKILL");
    await this.ended;
    rmSync(this.folder, { recursive: true });
  }
}

for (const shell of SHELLS) {
  const under = `guardian under ${shell}`;

  test(`${under}: ends with the code of a daemon that ended on purpose, also of one that says which signal ended it`, async () => {
    for (const code of [0, 1, 6, 9, 143]) {
      await using ward = new Ward(shell, `exit ${code}`);
      assert.equal(await ward.ended, code);
      assert.deepEqual([ward.lines("starts").length, ward.lines("sleeps")], [1, []]);
    }
    // A second daemon is refused, and what the lock says is said by the first.
    await using refused = new Ward(shell, `echo "somebody else" >"$LOCK"; exit 1`);
    assert.equal(await refused.ended, 1);
    assert.equal(refused.lines("starts").length, 1);
  });

  test(`${under}: starts a daemon again that died, waits longer each time, and gives up after ten deaths in a row`, async () => {
    for (const [death, code] of [[DIE, 137], ["exit 70", 70]] as const) {
      await using ward = new Ward(shell, death);
      assert.equal(await ward.ended, code);
      assert.deepEqual(ward.lines("sleeps"), ["1", "2", "4", "8", "16", "30", "30", "30", "30"]);
      assert.equal(ward.lines("starts").length, 10);
      const said = ward.lines("log").filter((line) => line.startsWith("guardian: "));
      assert.equal(said[0], `guardian: the daemon has died with ${code} and is started again in 1 s`);
      assert.equal(said[9], `guardian: the daemon has died with ${code}, 10 times in a row: giving up`);
    }
  });

  test(`${under}: a daemon that was killed when its lock was removed has died, and one that has emptied it has not`, async () => {
    await using ward = new Ward(shell, `case $(wc -l <starts) in 1) rm "$LOCK"; kill -9 $$ ;; *) : >"$LOCK"; kill -9 $$ ;; esac`);
    assert.equal(await ward.ended, 137);
    assert.deepEqual(ward.lines("sleeps"), ["1"]);
  });

  test(`${under}: after a death a configuration that can't be read is one too, at first it ends the guardian`, async () => {
    await using first = new Ward(shell, "exit 6");
    assert.equal(await first.ended, 6);
    await using ward = new Ward(shell, `case $(wc -l <starts) in 1) ${DIE} ;; 2) exit 6 ;; *) : >"$LOCK"; exit 6 ;; esac`);
    assert.equal(await ward.ended, 6);
    assert.deepEqual(ward.lines("sleeps"), ["1", "2"]);
  });

  test(`${under}: while it waits a file says why, and ALRM ends the wait`, async () => {
    await using ward = new Ward(shell, `cat pause >>pauses; case $(wc -l <starts) in 1) ${DIE} ;; *) exit 3 ;; esac`, {
      sleep: `echo "$1" >>sleeps; exec /bin/sleep 1000`,
    });
    await until(() => ward.lines("sleeps").length === 1 && ward.lines("pause").length === 1);
    assert.deepEqual(ward.lines("pause"), ["137 1 1"]);
    ward.signal("SIGALRM");
    assert.equal(await ward.ended, 3);
    assert.deepEqual(ward.lines("pause"), []);
    assert.equal(ward.lines("starts").length, 2);
  });

  test(`${under}: folders that were removed are made anew, and without a place for its log the daemon is started all the same`, async () => {
    const remove = `rm -rf "$LOG_FOLDER" "\${LOCK%/*}"; [ $(wc -l <starts) -lt 2 ] || : >"$LOG_FOLDER"`;
    await using ward = new Ward(shell, `case $(wc -l <starts) in 1 | 2) ${remove}; kill -9 $$ ;; *) exit 4 ;; esac`, { isSplit: true });
    assert.equal(await ward.ended, 4);
    assert.deepEqual(ward.lines("sleeps"), ["1", "2"]);
    assert.equal(existsSync(join(ward.folder, "run")), true);
  });

  test(`${under}: a daemon that ran for a minute begins a new row`, async () => {
    const daemon = `case $(wc -l <starts) in
      1 | 2) ${DIE} ;;
      3) echo "161.00 9" >uptime; ${DIE} ;;
      4) ${DIE} ;;
      *) exit 5 ;;
    esac`;
    await using ward = new Ward(shell, daemon);
    assert.equal(await ward.ended, 5);
    assert.deepEqual(ward.lines("sleeps"), ["1", "2", "1", "2"]);
  });

  test(`${under}: hands signals on, and ends when the daemon does`, async () => {
    const daemon =
      `for s in HUP USR2 INT; do trap "echo $s >>got" $s; done; trap 'echo TERM >>got; exit 7' TERM; echo up >>got; while :; do /bin/sleep 0.01; done`;
    await using ward = new Ward(shell, daemon);
    await until(() => ward.lines("got").length === 1);
    for (const name of ["HUP", "USR2"] as const) {
      // Signals that come before the shell knows the daemon's number are not handed on.
      await until(() => {
        if (!ward.lines("got").includes(name)) ward.signal(`SIG${name}`);
        return ward.lines("got").includes(name);
      });
    }
    ward.signal("SIGTERM");
    assert.equal(await ward.ended, 7);
    assert.deepEqual([...new Set(ward.lines("got"))], ["up", "HUP", "USR2", "TERM"]);
    assert.equal(ward.lines("starts").length, 1);
  });

  test(`${under}: told to end while it waits, it starts nothing any more; a daemon that dies on its way out stays dead`, async () => {
    await using waiting = new Ward(shell, DIE, { sleep: `echo "$1" >>sleeps; exec /bin/sleep 1000` });
    await until(() => waiting.lines("sleeps").length === 1);
    waiting.signal("SIGTERM");
    assert.equal(await waiting.ended, 137);
    assert.equal(waiting.lines("starts").length, 1);
    await using dying = new Ward(shell, `trap '${DIE.replaceAll("'", "")}' TERM; echo up >>got; while :; do /bin/sleep 0.01; done`);
    await until(() => dying.lines("got").length === 1);
    dying.signal("SIGTERM");
    assert.equal(await dying.ended, 137);
    assert.equal(dying.lines("starts").length, 1);
  });

  test(`${under}: told to end while it makes ready to start or to wait, it starts nothing and does not wait`, async () => {
    // The folder that is missing has it call mkdir, which has time for a signal to come.
    const tellIt = `kill -s TERM "$(cat guardian.pid)"\nexec /bin/mkdir "$@"`;
    for (const [folder, sleep] of [["$LOG_FOLDER", ":"], ["${LOCK%/*}", `echo "$1" >>sleeps; exec /bin/sleep 1000`]]) {
      const daemon =
        `case $(wc -l <starts) in 1) echo $PPID >guardian.pid; rm -rf "${folder}"; kill -9 $$ ;; *) exec /bin/sleep 1000 ;; esac`;
      await using ward = new Ward(shell, daemon, { isSplit: true, sleep, mkdir: tellIt });
      assert.equal(await ward.ended, 137, folder);
      assert.equal(ward.lines("starts").length, 1, folder);
    }
  });

  test(`${under}: the daemon knows that it is in the background, is no part of the service that called up, and prints to the log`, async () => {
    await using ward = new Ward(shell, `env | grep DAEMONKIT; echo trouble >&2; exit 0`);
    assert.equal(await ward.ended, 0);
    assert.deepEqual(ward.lines("log").sort(), ["DAEMONKIT_BACKGROUND=1", "DAEMONKIT_STATE=/state", "trouble"]);
  });
}
