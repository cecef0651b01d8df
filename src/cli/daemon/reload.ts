/** What SIGHUP does: everything that the daemon was given by a file is read anew; ports, frames and clients are left alone. */
import { faultFields, type Log } from '../../control/log.ts';
import { TswitchError } from '../../control/errors.ts';
import { CliError } from '../errors.ts';

/** Something that comes from a file. */
export interface Reloadable {
  /** For the log, such as `tokens`. */
  readonly name: string;
  /**
   * Reads it anew, and gives what is other now, in words, or `unchanged`; rejects and keeps what was there, or says in its error
   * what it did instead.
   */
  readonly reload: () => string | Promise<string>;
}

/** Reads all anew, in order; one that cannot be read keeps none of the others back. */
export async function reload(parts: readonly Reloadable[], log: Log): Promise<void> {
  const changes: Record<string, string> = {};
  for (const part of parts) {
    try {
      changes[part.name] = await part.reload();
    } catch (error) {
      changes[part.name] = 'failed';
      const reason =
        error instanceof TswitchError || error instanceof CliError ? { reason: error.message } : faultFields(error);
      log.error('reload failed', { part: part.name, ...reason });
    }
  }
  if (parts.length > 0) log.info('reloaded', changes);
  else log.info('reloaded nothing: there is neither --config nor --token-file');
}
