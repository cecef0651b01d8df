/**
 * The one place where errors become HTTP: what every code means, its status, and the body
 * `{"error":{"code","message","details"}}`. Handlers throw; nothing else writes an error answer.
 */
import { RequestError } from '@hono/node-server';
import { HTTPException } from 'hono/http-exception';
import type { z } from 'zod';
import { TswitchError } from '../control/errors.ts';
import type { ErrorCode } from '../control/errors.ts';

/** Codes that only HTTP has, beside those of the control plane. */
type HttpOnlyCode =
  | 'UNAUTHORIZED'
  | 'READ_ONLY_TOKEN'
  | 'HOST_REFUSED'
  | 'ORIGIN_REFUSED'
  | 'SOCKET_ONLY'
  | 'LOGIC_NOT_PERMITTED'
  | 'ROUTE_NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'BODY_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE';
export type ApiErrorCode = ErrorCode | HttpOnlyCode;

export const BODY_BYTES_MAX = 1024 * 1024;
/** Of a whole configuration. */
export const CONFIG_BYTES_MAX = 64 * BODY_BYTES_MAX;

export const ERRORS: Readonly<Record<ApiErrorCode, { status: number; meaning: string }>> = {
  BAD_REQUEST: { status: 400, meaning: 'malformed JSON, an unknown field, a value out of range or a contradiction' },
  UNAUTHORIZED: { status: 401, meaning: 'over TCP: no token, or one that is not known' },
  READ_ONLY_TOKEN: { status: 403, meaning: 'over TCP: the token may only read (GET)' },
  HOST_REFUSED: { status: 403, meaning: 'over TCP: the Host header names a server that this is not' },
  ORIGIN_REFUSED: { status: 403, meaning: 'over TCP: a web page of another origin sent the request' },
  SOCKET_ONLY: { status: 403, meaning: 'over TCP: the route is there on the Unix socket only' },
  LOGIC_NOT_PERMITTED: { status: 403, meaning: 'over TCP: the token may not load or change logics' },
  NOT_PERMITTED: { status: 403, meaning: 'the daemon lacks a capability or the access to a file that this needs' },
  PORT_NOT_FOUND: { status: 404, meaning: 'there is no port of this name' },
  FDB_ENTRY_NOT_FOUND: { status: 404, meaning: 'the FDB has no entry of this VLAN and address' },
  CAPTURE_NOT_FOUND: { status: 404, meaning: 'there is no capture of this id, or no longer' },
  RECORDING_NOT_FOUND: { status: 404, meaning: 'there is no recording of this id, or no longer' },
  NETNS_NOT_FOUND: { status: 404, meaning: 'there is no such network namespace' },
  NETDEV_NOT_FOUND: { status: 404, meaning: 'there is no such netdev' },
  LOGIC_NOT_FOUND: { status: 404, meaning: 'no logic of this name is loaded, or none in the state that is asked for' },
  NETWORK_NOT_FOUND: { status: 404, meaning: 'there is no network of this name or id' },
  CONTAINER_NOT_FOUND: { status: 404, meaning: 'there is no such container, or not in this network' },
  TOKEN_NOT_FOUND: { status: 404, meaning: 'there is no token of this name' },
  ROUTE_NOT_FOUND: { status: 404, meaning: 'there is no such route' },
  METHOD_NOT_ALLOWED: { status: 405, meaning: 'the route exists, but not with this method; see the Allow header' },
  CAPTURE_BUSY: { status: 409, meaning: 'the capture is being read already, or has ended' },
  RECORDING_BUSY: { status: 409, meaning: 'another recording runs, or this one is being read already, or has ended' },
  NO_TOKEN_FILE: { status: 409, meaning: 'the daemon was started without a token file' },
  TOKEN_EXISTS: { status: 409, meaning: 'a token of this name exists already' },
  PORT_EXISTS: { status: 409, meaning: 'a port of this name exists already' },
  NETWORK_EXISTS: { status: 409, meaning: 'a network of this name exists already' },
  NETWORK_IN_USE: { status: 409, meaning: 'the network has members, or is one that exists always' },
  SUBNET_OVERLAPS: { status: 409, meaning: "the subnet overlaps another network's, or a route of the host" },
  VLAN_IN_USE: { status: 409, meaning: 'the VLAN is that of another network' },
  CONTAINER_EXISTS: { status: 409, meaning: 'the container is in the network already, or another one has its name' },
  CONTAINER_RUNNING: { status: 409, meaning: 'the container runs, or has been started already' },
  ADDRESS_IN_USE: { status: 409, meaning: 'a member, the gateway or a reservation has the address already' },
  NETDEV_EXISTS: { status: 409, meaning: 'an interface of this name exists already where it should be made' },
  NETDEV_BUSY: { status: 409, meaning: 'the netdev is in use by another port or by someone else' },
  CONFIG_FAILED: {
    status: 409,
    meaning: 'an action of the document failed half-way, and what had been done was undone',
  },
  CONFIRMATION_PENDING: {
    status: 409,
    meaning: 'a configuration waits for its confirmation; no other change is taken',
  },
  NOTHING_TO_CONFIRM: { status: 409, meaning: 'no configuration waits for its confirmation' },
  CONFIG_CHANGED: { status: 412, meaning: 'the configuration is no longer the one that If-Match names' },
  BODY_TOO_LARGE: {
    status: 413,
    meaning: `the body is longer than ${BODY_BYTES_MAX} bytes, or than ${CONFIG_BYTES_MAX} at /v1/config`,
  },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, meaning: 'the body is declared to be something else than JSON' },
  ADDRESS_REFUSED: { status: 422, meaning: 'the kernel refused an address or the gateway' },
  CONFIG_REFUSED: { status: 422, meaning: 'the document makes sense, but not on this machine; details list why' },
  LOGIC_REFUSED: {
    status: 422,
    meaning: 'the file is no logic, its parameters are wrong, or it breaks the contract; details say where and why',
  },
  INTERNAL: { status: 500, meaning: "a fault of tswitch itself; the daemon's log has more" },
  NOT_SUPPORTED: { status: 501, meaning: 'this kernel, machine or version cannot do it' },
  STATE_FAILED: { status: 503, meaning: "the change could not be kept beyond the daemon's end, so it was undone" },
  STATE_FULL: { status: 507, meaning: 'there is no room on the disk to keep the change, so it was not made or undone' },
  POOL_EXHAUSTED: { status: 507, meaning: 'no address or no subnet is left to be given' },
  LIMIT_REACHED: { status: 507, meaning: 'a limit of the switch or of the machine is reached' },
};

export interface ErrorBody {
  error: { code: ApiErrorCode; message: string; details: unknown };
}

/** An error that only HTTP knows, such as a route that does not exist. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  readonly headers: Record<string, string>;

  constructor(code: ApiErrorCode, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.code = code;
    this.headers = headers;
  }
}

/**
 * Answers with the error. What is neither a TswitchError nor ours is a fault: `report` gets it whole, the client only
 * learns that there was one.
 */
export function answerError(error: Error, report: (error: Error) => void): Response {
  if (error instanceof TswitchError) {
    if (error.code === 'INTERNAL') report(error);
    return answer(error.code, error.message, error.details);
  }
  if (error instanceof ApiError) return answer(error.code, error.message, null, error.headers);
  if (error instanceof RequestError) {
    return answer('BAD_REQUEST', `${error.message}; ask for http://localhost/ and a path of /openapi.json`);
  }
  if (error instanceof HTTPException && error.status === 400) {
    return answer('BAD_REQUEST', 'the body is not valid JSON');
  }
  if (error instanceof HTTPException && error.status === 415) {
    return answer('UNSUPPORTED_MEDIA_TYPE', 'send the body as Content-Type: application/json');
  }
  if (isDisconnect(error)) return answer('BAD_REQUEST', 'the connection ended before the body did');
  report(error);
  return answer('INTERNAL', `a fault of tswitch itself; the daemon's log has more`);
}

/** Node's error for a client that left in mid-body. Nobody reads the answer, and tswitch is not at fault. */
function isDisconnect(error: Error): boolean {
  return 'code' in error && error.code === 'ECONNRESET';
}

function answer(
  code: ApiErrorCode,
  message: string,
  details: unknown = null,
  headers: Record<string, string> = {},
): Response {
  const body: ErrorBody = { error: { code, message, details: details ?? null } };
  return new Response(JSON.stringify(body), {
    status: ERRORS[code].status,
    headers: { 'Content-Type': 'application/json', ...headers },
  });
}

/** All that is wrong, in one line for people and by field for programs. */
export function badRequest(issues: readonly z.core.$ZodIssue[]): TswitchError {
  const problems = issues.map((issue) => ({ field: issue.path.join('.'), problem: issue.message }));
  const message = problems.map(({ field, problem }) => (field ? `${field}: ${problem}` : problem)).join('; ');
  return new TswitchError('BAD_REQUEST', message, problems);
}
