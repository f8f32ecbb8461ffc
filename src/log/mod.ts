/** Logging: loggers, formats, and the console and file sinks. */
export { consoleLines, type ConsoleLinesOptions, consoleSink, type ConsoleSinkOptions } from "./console.ts";
export { DropNotice } from "./drop_notice.ts";
export { FileSink, fileSink, type FileSinkOptions, type FileSinkSettings } from "./file.ts";
export { formatJson, formatText, type LogFormat } from "./format.ts";
export { formatLines, formatRemark } from "./line_format.ts";
export { createLogger, type LoggerOptions, type RootLogger } from "./logger.ts";
export { RotatingFile, type RotatingFileOptions, type RotationSettings } from "./rotating_file.ts";
