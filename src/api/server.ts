/**
 * The API on a Unix socket, and on TCP if asked for. Whoever may open the socket may run the switch, so it is 0600 from its
 * first moment: the mode comes from the umask at bind, as a chmod afterwards would leave a gap. A group is let in afterwards.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { TswitchError } from '../control/errors.ts';
import { faultFields, type Log, SILENT } from '../control/log.ts';
import type { SwitchControl } from '../control/model.ts';
import type { NetworksControl } from '../networks/model.ts';
import { createApp } from './app.ts';
import { claimSocket, listenPrivately, socketError } from './claim-socket.ts';
import { limitConnections, SERVER_OPTIONS } from './connections.ts';
import { answerError } from './errors.ts';
import { type Admission, admitTcp } from './guard.ts';
import { LoopDelay } from './loop-delay.ts';
import { guardOptions, listenTcp, placeOf } from './tcp-listener.ts';
import type { TcpOptions } from './tcp-listener.ts';
import type { TokenStore } from './tokens.ts';

const GROUP_SOCKET_MODE = 0o660;
/** How long close() waits for answers that are under way. */
const CLOSE_GRACE_MS = 2000;

export interface ApiOptions {
  /** Path of the Unix socket; the last folder of it is made if it is missing. */
  socket: string;
  /** Name or number of the group that may use the socket too; null: its owner only. */
  group?: string | null;
  /** Null: no TCP. */
  tcp?: TcpOptions | null;
  /** The tokens that TCP clients show, managed over the socket; null: there are none. */
  tokens?: TokenStore | null;
  networks?: NetworksControl | null;
  /** Connections open at a time, of the socket and of TCP each. */
  connectionsMax?: number;
  /** By default nothing is logged. */
  log?: Log;
  /** Gets faults of tswitch itself; by default they are logged. */
  report?: (error: Error) => void;
}

export interface Api {
  /** Where TCP clients find it; null: nowhere. */
  url: string | null;
  close(): Promise<void>;
}

/**
 * Serves the API until `close`, which also removes the socket.
 *
 * @throws TswitchError BAD_REQUEST where a live daemon holds the socket, or the path, group or TCP address cannot be one,
 *   NOT_PERMITTED where the folder cannot be written or the address not be bound
 */
export async function serveApi(control: SwitchControl, options: ApiOptions): Promise<Api> {
  const { socket, tcp = null, group = null, tokens = null, networks = null, log = SILENT } = options;
  const { report = (error) => log.error('fault of tswitch itself', faultFields(error)) } = options;
  const gid = group === null ? null : readGid(group);
  const place = tcp && (await placeOf(tcp));
  await claimSocket(socket);
  const ending = new AbortController();
  const loopDelay = new LoopDelay();
  const app = createApp(control, { report, log, ended: ending.signal, tokens, loopDelay, networks });
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    ending.abort();
    loopDelay.close();
    await Promise.all(servers.map(closeServer));
  };
  const makeServer = (answer: Answer): Server => {
    const server = serverOf(answer, report);
    limitConnections(server, options.connectionsMax);
    servers.push(server);
    return server;
  };
  try {
    await listenUnix(makeServer(app.fetch), socket, gid);
    if (!tcp || !place) return { url: null, close };
    const guard = guardOptions(tcp, place);
    let toldProblem: string | null = null;
    const guarded: Answer = (request) => {
      let admission: Admission;
      try {
        admission = admitTcp(request, guard);
      } catch (error) {
        const answer = answerError(errorOf(error), report);
        log.debug('request refused', { method: request.method, status: answer.status });
        return answer;
      } finally {
        const problem = tcp.tokens?.problem ?? null;
        if (problem !== null && problem !== toldProblem) log.error('no token is accepted', { reason: problem });
        toldProblem = problem;
      }
      return app.fetch(request, admission);
    };
    return { url: await listenTcp(makeServer(guarded), place), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Answer = (request: Request) => Response | Promise<Response>;

function serverOf(answer: Answer, report: (error: Error) => void): Server {
  // Errors before the app has the request: a Host or URL that makes none.
  const errorHandler = (error: unknown): Response => answerError(errorOf(error), report);
  const listener = getRequestListener(answer, { errorHandler });
  return createServer(SERVER_OPTIONS, (request, response) => void listener(request, response));
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

async function listenUnix(server: Server, socket: string, gid: number | null): Promise<void> {
  try {
    await listenPrivately(server, socket);
    if (gid === null) return;
    // The group first: before that the mode would let another group in.
    chownSync(socket, process.getuid?.() ?? 0, gid);
    chmodSync(socket, GROUP_SOCKET_MODE);
  } catch (error) {
    throw socketError(socket, error);
  }
}

/** By number, or by name as the system's name service knows it. */
function readGid(group: string): number {
  if (/^[0-9]{1,9}$/.test(group)) return Number(group);
  try {
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/.test(group)) throw new Error('no name of a group');
    const [, , gid = ''] = execFileSync('getent', ['group', group], { encoding: 'utf8' }).split(':');
    return Number(gid);
  } catch {
    throw new TswitchError('BAD_REQUEST', `there is no group ${JSON.stringify(group)}; give another --group`);
  }
}

/** Ends the server, and with it the socket's file: libuv removes what it bound. */
function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const impatience = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(impatience);
      resolve();
    });
  });
}
