/** Where the API listens on TCP, and whether it may: beyond the machine itself only for who shows a token. */
import { lookup } from 'node:dns/promises';
import type { Server } from 'node:http';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { TswitchError } from '../control/errors.ts';
import type { GuardOptions } from './guard.ts';
import type { TokenStore } from './tokens.ts';

export interface TcpOptions {
  /** HOST:PORT; an IPv6 address in brackets. Port 0: a free one. */
  listen: string;
  /** Null: no client needs a token, which only a loopback address may have. */
  tokens: TokenStore | null;
  /** Names that the Host header may have beside IP addresses, `localhost` and the name in `listen`. */
  allowHosts?: readonly string[];
  /** Whether logics may be loaded and changed over TCP. */
  allowLogic?: boolean;
}

interface Place {
  /** As it was given, without brackets. */
  host: string;
  address: string;
  port: number;
}

/** @throws TswitchError BAD_REQUEST where this must not or cannot be listened on */
export async function placeOf({ listen, tokens, allowLogic = false }: TcpOptions): Promise<Place> {
  const { host, port } = parseListen(listen);
  const address = isIP(host) === 0 ? await resolve(host) : host;
  if (allowLogic && !tokens)
    refuse('--allow-logic-over-tcp lets whoever connects run code as the daemon: give --token-file');
  if (ipaddr.process(address).range() === 'loopback') return { host, address, port };
  if (!tokens) refuse(`--listen ${listen} can be reached from other machines: give --token-file instead of --no-auth`);
  if (tokens.list().length === 0) {
    refuse(
      `--listen ${listen} can be reached from other machines, and there is no token yet: run \`tswitch token add NAME --token-file ${tokens.path}\` first`,
    );
  }
  return { host, address, port };
}

export function guardOptions(
  { tokens, allowHosts = [], allowLogic = false }: TcpOptions,
  { host }: Place,
): GuardOptions {
  return { tokens, hosts: [host, ...allowHosts].map((name) => name.toLowerCase()), allowLogic };
}

/** @returns the URL that clients use. @throws TswitchError BAD_REQUEST, NOT_PERMITTED */
export async function listenTcp(server: Server, { address, port }: Place): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(`${address} port ${port}`, error)));
    server.listen({ host: address, port }, resolve);
  });
  const bound = server.address();
  const actual = typeof bound === 'object' && bound ? bound.port : port;
  return `http://${isIP(address) === 6 ? `[${address}]` : address}:${actual}`;
}

function parseListen(listen: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/i.exec(listen);
  const [, ipv6, name, digits] = match ?? [];
  const port = Number(digits);
  if (!match || port > 65_535 || (ipv6 !== undefined && isIP(ipv6) !== 6)) {
    refuse(`--listen ${JSON.stringify(listen)}: give HOST:PORT, like 127.0.0.1:8080 or [::1]:8080`);
  }
  return { host: ipv6 ?? name ?? '', port };
}

async function resolve(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch {
    return refuse(`--listen: no address is known for ${host}; give an IP address`);
  }
}

function listenError(place: string, error: Error): TswitchError {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return new TswitchError('BAD_REQUEST', `${place} is in use; give another --listen`);
  if (code === 'EADDRNOTAVAIL') {
    return new TswitchError('BAD_REQUEST', `${place}: this machine does not have the address; give another --listen`);
  }
  return new TswitchError('NOT_PERMITTED', `cannot listen on ${place}: ${error.message}`, null, error);
}

function refuse(message: string): never {
  throw new TswitchError('BAD_REQUEST', message);
}
