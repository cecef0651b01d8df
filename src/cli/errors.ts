/** How commands fail. Wrong usage is commander's InvalidArgumentError or UsageError (exit code 2), the rest is exit code 1. */

/** One sentence for people: what failed, and what to do. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
}

/** The command line contradicts itself or lacks something. */
export class UsageError extends CliError {
  override readonly name = 'UsageError';
}

/** The daemon refused. `body` is its answer as it came. */
export class RefusedError extends CliError {
  override readonly name = 'RefusedError';
  readonly code: string;
  readonly body: string;

  constructor(code: string, message: string, body: string) {
    super(message);
    this.code = code;
    this.body = body;
  }
}

/** Nobody answers on the socket. */
export class NoDaemonError extends CliError {
  override readonly name = 'NoDaemonError';
}

/** Something that a command ran or found has failed, and what has been said already. */
export class ProgramFailed extends Error {
  override readonly name = 'ProgramFailed';
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}
