/**
 * Bounds what clients can take of the daemon by connecting and then doing nothing, or little. When as many connections are
 * open as may be, the one that has waited longest without asking for anything makes room for a new one; so whoever opens
 * many and leaves them silent keeps nobody out.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

export const CONNECTIONS_MAX = 2000;
/** Bytes and number of a request's header lines. */
export const HEADER_BYTES_MAX = 16 * 1024;
const HEADERS_MAX = 100;
/** For the header, and for the whole request. */
const HEADER_MS_MAX = 10_000;
const REQUEST_MS_MAX = 30_000;
const CHECK_MS = 1000;
/** Between two requests. */
const IDLE_MS_MAX = 10_000;
/** Neither a byte sent nor received; longer than any answer takes, and than an event stream is silent. */
const SILENCE_MS_MAX = 120_000;

/** Options for createServer. A request without Host is refused by the listener, as Node itself would do it without a body. */
export const SERVER_OPTIONS = {
  requireHostHeader: false,
  maxHeaderSize: HEADER_BYTES_MAX,
  headersTimeout: HEADER_MS_MAX,
  requestTimeout: REQUEST_MS_MAX,
  connectionsCheckingInterval: CHECK_MS,
  keepAliveTimeout: IDLE_MS_MAX,
} as const;

export function limitConnections(server: Server, max = CONNECTIONS_MAX): void {
  server.maxHeadersCount = HEADERS_MAX;
  server.timeout = SILENCE_MS_MAX;
  const open = new Set<Socket>();
  /** Without a request under way, the longest ago first. */
  const silent = new Set<Socket>();
  server.on('connection', (socket) => {
    if (open.size >= max) {
      const [oldest = socket] = silent;
      oldest.destroy();
      open.delete(oldest);
      silent.delete(oldest);
      if (oldest === socket) return;
    }
    open.add(socket);
    silent.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      silent.delete(socket);
    });
  });
  server.on('request', ({ socket }, response) => {
    silent.delete(socket);
    response.once('close', () => {
      if (open.has(socket)) silent.add(socket);
    });
  });
}
