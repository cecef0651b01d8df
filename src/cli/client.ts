/** The HTTP client of the command line: one request per connection over the daemon's Unix socket. */
import { request } from 'node:http';
import { CliError, RefusedError } from './errors.ts';

/** Plugging waits for the kernel; nothing the daemon does takes longer. */
const ANSWER_MS_MAX = 60_000;

/** A successful answer: the body as it came, and as what it means. An empty body means undefined. */
export interface Answer<T> {
  text: string;
  body: T;
}

export class Client {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  get<T>(path: string, query: Record<string, string | number | undefined> = {}): Promise<Answer<T>> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const search = new URLSearchParams(given.map(([key, value]) => [key, String(value)]));
    return this.send('GET', given.length > 0 ? `${path}?${search.toString()}` : path);
  }

  /** @throws RefusedError where the daemon answers with an error, CliError where none answers */
  async send<T>(method: string, path: string, body?: object): Promise<Answer<T>> {
    const { status, text } = await this.#exchange(method, path, body);
    const parsed: unknown = text === '' ? undefined : this.#parse(text);
    if (status >= 400) throw refusal(status, text, parsed);
    // What the daemon answers is what its OpenAPI document says; both come from the same release.
    return { text, body: parsed as T };
  }

  #exchange(method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers: Record<string, string | number> = { Host: 'localhost' };
    if (payload !== undefined) {
      headers['Content-Type'] = 'application/json';
      headers['Content-Length'] = Buffer.byteLength(payload);
    }
    return new Promise((resolve, reject) => {
      const exchange = request({ socketPath: this.#socket, method, path, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
        response.on('error', (error) => reject(this.#failure(error)));
      });
      exchange.setTimeout(ANSWER_MS_MAX, () => {
        exchange.destroy(new Error(`no answer within ${ANSWER_MS_MAX / 1000} s`));
      });
      exchange.on('error', (error) => reject(this.#failure(error)));
      exchange.end(payload);
    });
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      throw new CliError(`what answers on ${this.#socket} is no tswitch daemon; check --socket`);
    }
  }

  #failure(error: Error): CliError {
    const code = 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTSOCK') {
      return new CliError(`no daemon answers on ${this.#socket}; start one with \`tswitch serve\``);
    }
    if (code === 'EACCES' || code === 'EPERM') {
      return new CliError(`not permitted to use ${this.#socket}; run as the user of the daemon (root)`);
    }
    if (code === 'ECONNRESET' || code === 'EPIPE') {
      return new CliError(`the daemon on ${this.#socket} ended before it answered; see its log and start it again`);
    }
    return new CliError(`cannot talk to the daemon on ${this.#socket}: ${error.message}`);
  }
}

function refusal(status: number, text: string, parsed: unknown): CliError {
  const error = field(parsed, 'error');
  const code = field(error, 'code');
  const message = field(error, 'message');
  if (typeof code === 'string' && typeof message === 'string') return new RefusedError(code, message, text);
  return new CliError(`the daemon answered with HTTP status ${status} and no reason; check --socket`);
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
