/** Logging: loggers, formats, and the console and file sinks. */
export { consoleLines, type ConsoleLinesOptions, consoleSink, type ConsoleSinkOptions } from "./console.ts";
export { FileSink, fileSink, type FileSinkOptions } from "./file.ts";
export { formatJson, formatText, type LogFormat } from "./format.ts";
export { createLogger, type LoggerOptions, type RootLogger } from "./logger.ts";
