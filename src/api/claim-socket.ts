/** The path of the API's Unix socket: free to be bound, or another daemon's. Apart from the server, as it comes first and fast. */
import { lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { TswitchError } from '../control/errors.ts';

const FOLDER_MODE = 0o755;
const SOCKET_UMASK = 0o177;
/** sun_path holds 108 bytes with the closing zero (linux/un.h). */
const SOCKET_PATH_BYTES_MAX = 107;

/**
 * Makes sure that the socket can be bound: makes its folder, refuses where a live daemon answers, and removes what a
 * dead one left. Called early by `serve`, so that a second daemon touches nothing of the first one's.
 */
export async function claimSocket(socket: string): Promise<void> {
  if (Buffer.byteLength(socket) > SOCKET_PATH_BYTES_MAX) {
    throw new TswitchError('BAD_REQUEST', `the socket path is longer than ${SOCKET_PATH_BYTES_MAX} bytes: ${socket}`);
  }
  try {
    makeFolder(dirname(socket));
    const found = readSocketStat(socket);
    if (!found) return;
    if (await isAnswered(socket)) {
      throw new TswitchError('BAD_REQUEST', `a daemon already answers on ${socket}; stop it or give another --socket`);
    }
    // Only what refused the connection: someone else may have bound the path anew while we asked.
    const now = readSocketStat(socket);
    if (now && now.ino === found.ino && now.ctimeNs === found.ctimeNs) unlinkSync(socket);
  } catch (error) {
    throw socketError(socket, error);
  }
}

/** One level only: a daemon needs no more, and Node's recursive mkdir never returns for paths under /proc. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, FOLDER_MODE);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

function readSocketStat(socket: string): BigIntStats | undefined {
  const stat = lstatSync(socket, { bigint: true, throwIfNoEntry: false });
  if (stat && !stat.isSocket()) {
    throw new TswitchError('BAD_REQUEST', `${socket} exists and is no socket; give another --socket`);
  }
  return stat;
}

function isAnswered(socket: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(socket);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => {
      const code = errorCode(error);
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(false);
      else if (code === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}

/** Binds the path, for the daemon's user alone. */
export function listenPrivately(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', resolve);
    // Binding a path happens within the call, so no other file is made under this umask.
    const umask = process.umask(SOCKET_UMASK);
    try {
      server.listen({ path: socket });
    } finally {
      process.umask(umask);
    }
  });
}

export function socketError(socket: string, error: unknown): TswitchError {
  if (error instanceof TswitchError) return error;
  const code = errorCode(error);
  if (code === 'EADDRINUSE') {
    return new TswitchError('BAD_REQUEST', `another daemon has just bound ${socket}; stop it or give another --socket`);
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new TswitchError(
      'NOT_PERMITTED',
      `cannot make the socket ${socket} (${code}); run as root or give another --socket`,
    );
  }
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new TswitchError(
      'BAD_REQUEST',
      `there is no folder for the socket ${socket}; make it or give another --socket`,
    );
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new TswitchError('INTERNAL', `cannot listen on ${socket}: ${reason}`, null, error);
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
