/**
 * Who may do what over TCP; the Unix socket's permissions are guard enough for it. Checked before a route is looked for, so
 * that no route can forget it: that the request means this server (a Host header with another name is how DNS rebinding
 * looks), that it is no other web page's (Origin, Sec-Fetch-Site), and whose token it carries.
 */
import { isIP } from 'node:net';
import { getPath } from 'hono/utils/url';
import { ApiError } from './errors.ts';
import type { TokenStore, TokenView } from './tokens.ts';

const READING = new Set(['GET', 'HEAD']);
/** What is read there are other people's frames. */
const REVEALING = /^\/v1\/(?:captures|recordings)\/[^/]+\/stream$/;
/** Tokens are given and taken by who runs the daemon's machine alone, so that a stolen one cannot make others. */
const SOCKET_ONLY = /^\/v1\/tokens(?:\/|$)/;
const LOGIC = /^\/v1\/logic(?:\/|$)/;

export interface GuardOptions {
  /** Null: whoever connects may do what a full token may (`--no-auth`, on a loopback address only). */
  tokens: TokenStore | null;
  /** Names, in lower case, that the Host header may have beside IP addresses and `localhost`. */
  hosts: readonly string[];
  /** Whether logics may be loaded and changed with every full token, and not only with those that may by themselves. */
  allowLogic?: boolean;
}

/** What of a request its route has to know, in Hono's `env`; over the Unix socket there is none. */
export interface Admission {
  /** Loading code is running code as the daemon: whoever may do that over TCP owns the machine. */
  mayLoadLogics?: boolean;
}

/** @throws ApiError where the request is refused */
export function admitTcp(request: Request, { tokens, hosts, allowLogic = false }: GuardOptions): Admission {
  // As the router reads it, which decodes it: else `/v1/%74okens` would be no route to the guard, but one to the router.
  const path = getPath(request);
  checkHost(request, hosts);
  checkOrigin(request);
  const token = tokens && checkToken(request, path, tokens);
  const mayLoadLogics = token !== null && (token.logic || (allowLogic && !token.readOnly));
  if (SOCKET_ONLY.test(path)) {
    throw new ApiError(
      'SOCKET_ONLY',
      'tokens are managed over the Unix socket only: run `tswitch token` on its machine',
    );
  }
  if (LOGIC.test(path) && !READING.has(request.method)) assertMayLoadLogics({ mayLoadLogics });
  checkType(request);
  return { mayLoadLogics };
}

/** @param admission of the request; of one over the Unix socket it says nothing @throws ApiError LOGIC_NOT_PERMITTED */
export function assertMayLoadLogics({ mayLoadLogics = true }: Admission): void {
  if (mayLoadLogics) return;
  throw new ApiError(
    'LOGIC_NOT_PERMITTED',
    'this token may not load or change logics, which is running code as the daemon: `tswitch token add NAME --logic`, run on its machine, makes one that may',
  );
}

/** No name of others can lead to an IP address or to `localhost`. */
function checkHost(request: Request, hosts: readonly string[]): void {
  const { hostname } = new URL(request.url);
  const bare = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (isIP(bare) !== 0 || bare === 'localhost' || hosts.includes(bare)) return;
  throw new ApiError(
    'HOST_REFUSED',
    `this daemon does not answer for the name ${bare}: use its address, or start it with --allow-host ${bare}`,
  );
}

function checkOrigin(request: Request): void {
  const origin = request.headers.get('origin');
  const site = request.headers.get('sec-fetch-site');
  const isForeign = origin !== null && origin.toLowerCase() !== new URL(request.url).origin;
  if (isForeign || (site !== null && site !== 'same-origin' && site !== 'none')) {
    throw new ApiError('ORIGIN_REFUSED', 'requests of other web pages are refused');
  }
}

function checkToken(request: Request, path: string, tokens: TokenStore): TokenView {
  const authorization = request.headers.get('authorization');
  if (authorization === null) {
    throw unauthorized('Bearer realm="tswitch"', 'send Authorization: Bearer TOKEN; `tswitch token add` makes one');
  }
  const token = /^Bearer +([\w.~+/=-]{1,256}) *$/i.exec(authorization)?.[1];
  const known = token === undefined ? null : find(tokens, token);
  if (!known) {
    throw unauthorized('Bearer realm="tswitch", error="invalid_token"', 'this token is not known, or no longer');
  }
  const isReading = READING.has(request.method) && !REVEALING.test(path);
  if (known.readOnly && !isReading) {
    throw new ApiError('READ_ONLY_TOKEN', `token ${known.name} may only read (GET), and no captures or recordings`, {
      'WWW-Authenticate': 'Bearer realm="tswitch", error="insufficient_scope"',
    });
  }
  return known;
}

/** What is wrong with the file is not for strangers to know. */
function find(tokens: TokenStore, token: string): TokenView | null {
  try {
    return tokens.find(token);
  } catch (error) {
    if (tokens.problem === null) throw error;
    throw unauthorized('Bearer realm="tswitch"', "no token is accepted for now: the daemon's log says why");
  }
}

function unauthorized(challenge: string, message: string): ApiError {
  return new ApiError('UNAUTHORIZED', message, { 'WWW-Authenticate': challenge });
}

/** Browsers send forms anywhere, without asking first; JSON they do not. */
function checkType({ headers }: Request): void {
  const hasBody = headers.has('transfer-encoding') || Number(headers.get('content-length') ?? 0) > 0;
  if (hasBody && !/^application\/json\s*(?:;|$)/i.test(headers.get('content-type') ?? '')) {
    throw new ApiError('UNSUPPORTED_MEDIA_TYPE', 'send the body as Content-Type: application/json');
  }
}
