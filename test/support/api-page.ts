/** The OpenAPI document, and docs/api.md as it is made from it. */
import { join } from 'node:path';
import { createApp } from '../../src/api/app.ts';
import { renderMarkdown } from '../../src/api/docs-markdown.ts';
import { LoopDelay } from '../../src/api/loop-delay.ts';
import { fakeControl } from './fake-control.ts';
import type { OpenApi } from './openapi.ts';

export const API_PAGE = join(import.meta.dirname, '../../docs/api.md');

/** What the daemon would serve: no route's description depends on the switch behind it. */
async function served(): Promise<Parameters<typeof renderMarkdown>[0] & OpenApi> {
  const loopDelay = new LoopDelay();
  const app = createApp(fakeControl(), {
    report: (error) => {
      throw error;
    },
    ended: new AbortController().signal,
    tokens: null,
    loopDelay,
    networks: null,
  });
  const response = await app.request('/openapi.json');
  loopDelay.close();
  return JSON.parse(await response.text());
}

export function apiDocument(): Promise<OpenApi> {
  return served();
}

export async function apiPage(): Promise<string> {
  return renderMarkdown(await served());
}
