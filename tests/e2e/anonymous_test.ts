import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "../harness.ts";
import { EXECUTABLE } from "../tools/compile.ts";

/** A number that is nobody's. */
const UID = 54_321;

// The executable alone, as other users may not look into the folders of the runtimes; only root may become another user.
if (!("Deno" in globalThis) && process.getuid?.() === 0 && existsSync(EXECUTABLE) && existsSync("/usr/bin/setpriv")) {
  // Acceptance runner 81: nothing to write to but the temporary folder, a user of no name, no HOME.
  test("runner 81: a user that nobody has made, without a home and with nothing to write to but the temporary folder, has a daemon", () => {
    // The folder for temporary files of a test run is its user's alone.
    const folder = mkdtempSync("/tmp/daemonkit-");
    try {
      chmodSync(folder, 0o755);
      const temp = `${folder}/tmp`;
      mkdirSync(temp);
      chmodSync(temp, 0o1777);
      copyFileSync(EXECUTABLE, `${folder}/daemonkit`);
      chmodSync(`${folder}/daemonkit`, 0o755);
      const config = `${folder}/daemon.toml`;
      writeFileSync(
        config,
        'name = "anonymous"\n[service.a]\nrun = "echo home: ${HOME-none}; exec sleep 1000"\nready = { log = "home: none" }\n',
      );
      const run = (...args: string[]) =>
        spawnSync(
          "/usr/bin/setpriv",
          [`--reuid=${UID}`, `--regid=${UID}`, "--clear-groups", `${folder}/daemonkit`, ...args, "-c", config],
          {
            cwd: "/",
            env: { PATH: "/usr/bin:/bin", TMPDIR: temp, NO_COLOR: "1" },
            encoding: "utf8",
            timeout: 60_000,
          },
        );
      const up = run("up");
      assert.equal(up.status, 0, up.stderr);
      assert.match(up.stdout, /anonymous \(pid \d+\) runs and is ready: 1 unit/);
      assert.deepEqual(readdirSync(temp), [`daemonkit-${UID}`]);
      assert.match(run("status").stdout, /^a +running +yes/m);
      assert.match(run("logs", "a").stdout, /home: none/);
      const down = run("down");
      assert.deepEqual([down.status, down.stderr], [0, ""]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
} else {
  test("runner 81: is tried with the executable under Bun, by root, who may become a user that nobody has made", () => {});
}
