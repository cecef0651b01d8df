/** Asking a daemon's HTTP API over its Unix socket. */
import { type Agent, request } from 'node:http';

export interface ApiCall {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  body?: object;
}

/** @param agent of connections that are used again; false: one for this call @throws where the answer is an error */
export function callApi(
  socketPath: string,
  { method, path, body }: ApiCall,
  signal: AbortSignal,
  agent: Agent | false = false,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const headers = { host: 'localhost', 'content-type': 'application/json' };
  const exchange = request({ socketPath, path, method, headers, signal, agent }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('error', reject);
    response.on('end', () => {
      if ((response.statusCode ?? 0) < 300) resolve(text);
      else reject(new Error(`tswitch refused ${method} ${path}: ${text}`));
    });
  });
  exchange.on('error', reject);
  exchange.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}
