/** What services can be told, on real programs. */
import assert from "node:assert/strict";
import { e2e } from "./driver.ts";
import { unitsOf, untilUnits } from "./units.ts";

e2e("umask, nice, rlimits and oom_score_adj are the program's and its probe's from the first instruction on", async (stage) => {
  const look = "umask; nice; ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj";
  stage.write(
    "daemon.toml",
    `name = "limits"\n[service.x]\nrun = "${look}; exec sleep 1000"\numask = "027"\nnice = 3\noom_score_adj = 500\n` +
      `rlimits = { nofile = { soft = 64, hard = 128 }, core = 0 }\nready = { exec = "{ ${look}; } > seen" }\n`,
  );
  const daemon = await stage.startDaemon();
  const { code, stdout } = await stage.cli("logs", "x");
  assert.equal(code, 0);
  const lines = stdout.trim().split("\n").map((line) => line.split(" ").at(-1));
  assert.deepEqual(lines, ["0027", "3", "64", "128", "0", "500"]);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

e2e("a limit that is refused means not started: the error names key and value, and the policy tries again", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "refused"\n[service.x]\nrun = "echo ran > ran"\nrlimits = { nofile = 9007199254740000 }\n` +
      `restart = { delay = "10ms", max_restarts = 2 }\n[service.y]\nrun = ["sleep", "1000"]\n`,
  );
  const daemon = await stage.startDaemon();
  const { x } = await untilUnits(stage, ({ x }) => x.state === "fatal");
  assert.match(x.reason, /rlimits\.nofile must be at most \d+, .*: current value is 9007199254740000/);
  assert.equal(x.details.spawnFailures, 3);
  assert.equal((await unitsOf(stage)).y.state, "running");
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});
