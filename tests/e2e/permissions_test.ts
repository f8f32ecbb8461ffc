import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "../harness.ts";

if ("Deno" in globalThis) {
  test("a daemon of a file starts, runs and stops with exactly the permissions that README names for Deno", async () => {
    const root = new URL("../../", import.meta.url);
    const readme = readFileSync(new URL("README.md", root), "utf8");
    const flags = /least permissions are `((?:--allow-[a-z]+ ?)+)`/.exec(readme)![1].split(" ");
    const folder = mkdtempSync(`${tmpdir()}/daemonkit-`);
    try {
      const env: Record<string, string> = { NO_COLOR: "1", XDG_RUNTIME_DIR: `${folder}/run`, XDG_STATE_HOME: `${folder}/state` };
      for (const path of [env.XDG_RUNTIME_DIR, env.XDG_STATE_HOME]) mkdirSync(path);
      writeFileSync(
        `${folder}/daemon.toml`,
        'name = "least"\n[service.a]\nrun = "echo $((6 * 7)) are up; exec sleep 1000"\nready = { log = "42 are up" }\n',
      );
      // Not by node:child_process, which hands all permissions on.
      const args = ["run", "--no-check", "--no-prompt", ...flags, new URL("cli.ts", root).pathname, "run", `${folder}/daemon.toml`];
      const child = new Deno.Command(Deno.execPath(), { args, env, stdin: "null", stdout: "null", stderr: "piped" }).spawn();
      let stderr = "";
      let isTold = false;
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
        stderr += text;
        if (isTold || !/least ready/.test(stderr)) continue;
        isTold = true;
        child.kill("SIGTERM");
      }
      const { code } = await child.status;
      assert.equal(code, 0, stderr);
      assert.match(stderr, /can't be read/);
      assert.match(stderr, /least stopped reason="received SIGTERM"/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
