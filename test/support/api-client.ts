/** Requests to the API over its Unix socket, as text, so that malformed ones can be sent too. */
import { request } from 'node:http';
import { expect } from 'vitest';
import type { ErrorBody } from '../../src/api/errors.ts';

export interface Reply<T = unknown> {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  body: T;
}

interface Sent {
  type?: string | null;
  chunked?: boolean;
  headers?: Record<string, string>;
}

/** What sends requests to `socket`. */
export function apiClient(socket: string) {
  function send<T>(method: string, path: string, body?: string, options: Sent = {}) {
    const { type = 'application/json', chunked } = options;
    return new Promise<Reply<T>>((resolve, reject) => {
      const headers: Record<string, string | number> = { host: 'localhost', ...options.headers };
      if (body !== undefined && type !== null) headers['content-type'] = type;
      if (body !== undefined && !chunked) headers['content-length'] = Buffer.byteLength(body);
      const sent = request({ socketPath: socket, method, path, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = response.headers['content-type']?.startsWith('application/json') ?? false;
          const parsed = isJson && text !== '' ? JSON.parse(text) : undefined;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parsed });
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }
  return {
    send,
    get: <T>(path: string) => send<T>('GET', path),
    post: <T>(path: string, body: unknown) => send<T>('POST', path, JSON.stringify(body)),
    patch: <T>(path: string, body: unknown) => send<T>('PATCH', path, JSON.stringify(body)),
  };
}

/** Status, code and message of an error, whose shape is checked. */
export async function refusal(reply: Promise<Reply>): Promise<[number, string, string]> {
  const { status, body } = (await reply) as Reply<ErrorBody>;
  expect(Object.keys(body)).toEqual(['error']);
  expect(Object.keys(body.error).sort()).toEqual(['code', 'details', 'message']);
  return [status, body.error.code, body.error.message];
}
