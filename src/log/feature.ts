import type { Feature, FeaturePorts, FeatureSettings, OpenFeature } from "../core/feature.ts";
import { resolvePath } from "../core/values/paths.ts";
import { DaemonLog, type DaemonLogSettings } from "./daemon_log.ts";
import { UnitLogs } from "./unit_logs.ts";

/** Logs: the daemon's own records, and the lines that its units print. It comes first, as all others print into it. */
export const LOGGING_FEATURE: Feature = { name: "logging", open: openLogs };

function settingsIn({ configured }: FeatureSettings): DaemonLogSettings {
  return configured as DaemonLogSettings;
}

function openLogs(settings: FeatureSettings, { host, clock, log: before, ownsProcess, logging }: FeaturePorts): OpenFeature {
  const { name, sink, folder, workDir, isKept, lines, hasUnit } = logging;
  const daemonLog = new DaemonLog({
    name,
    host,
    clock,
    sink,
    hasConsole: ownsProcess && folder === undefined,
    resolve: (path) => resolvePath(workDir, path),
    file: folder && `${folder}/daemon.log`,
    names: settings.outputs().map(({ unit }) => unit),
  }, settingsIn(settings));
  const log = daemonLog.isUsed || isKept ? daemonLog.log : before;
  const unitLogs = new UnitLogs({
    files: host.files,
    clock,
    log,
    lines,
    show: daemonLog.showLines,
    room: daemonLog.room,
    ...ownsProcess ? { post: (fd, text, count) => void host.terminal.post(fd, text, { count }) } : {},
    isStopping: hasUnit,
    resolve: (path) => resolvePath(settings.cwd, path),
    folder: folder && `${folder}/logs`,
  }, settings.outputs());
  return {
    gives: { log, output: unitLogs },
    change(next) {
      daemonLog.apply(settingsIn(next));
      unitLogs.apply(next.outputs());
    },
    flush() {
      daemonLog.flush();
      unitLogs.flush();
    },
    reopen() {
      daemonLog.reopen();
      unitLogs.reopen();
    },
    notices: () => [daemonLog.notice, unitLogs.notice].filter((notice) => notice !== undefined),
    async [Symbol.asyncDispose]() {
      unitLogs[Symbol.dispose]();
      await daemonLog[Symbol.asyncDispose]();
    },
  };
}
