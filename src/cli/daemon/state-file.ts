/** Where a daemon keeps its state unless it is told. */
import { join } from 'node:path';
import { SOCKET_DEFAULT } from '../cli.ts';

export const STATE_DEFAULT = '/var/lib/tswitch/state.db';

/**
 * A daemon is known by its socket: what is kept of it lies beside that, unless it is the machine's own.
 *
 * @param stateDirectory where systemd says (systemd.exec(5), STATE_DIRECTORY)
 */
export function stateFile(socket: string, stateDirectory: string | undefined): string {
  const given = stateDirectory?.split(':')[0];
  if (given) return join(given, 'state.db');
  return socket === SOCKET_DEFAULT ? STATE_DEFAULT : `${socket.replace(/\.sock$/, '')}.state.db`;
}
