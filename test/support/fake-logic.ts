/** Loaded logics for tests of API and command line: names and states, without workers. A file named `broken` is refused. */
import { TswitchError } from '../../src/control/errors.ts';
import type { LogicControl, LogicVersionView, LogicView } from '../../src/control/logic/model.ts';
import type { LogicWish, WishedLogic } from '../../src/control/wish/wish.ts';

function version(id: number, file: string, params: Record<string, unknown>): LogicVersionView {
  return {
    id,
    file,
    sha256: '00'.repeat(32),
    loadedAt: '2026-01-31T12:00:00.000Z',
    description: 'does something',
    style: 'frame',
    params,
    paramsSchema: { type: 'object' },
    frames: 1000,
    decided: 10,
    sent: 1,
    copies: 2,
    refused: 0,
    faults: 1,
    microseconds: 50,
    exchangeMicroseconds: 400,
    drops: [{ reason: 'NOT_ALLOWED', sentence: 'not on the list', count: 10 }],
    counters: [{ name: 'seen', sentence: 'frames seen', count: 5 }],
    lastFaults: [
      {
        time: '2026-01-31T12:00:01.000Z',
        kind: 'throw',
        message: 'my fault',
        stack: 'Error: my fault\n    at frame (/x/a.ts:5:7)',
        port: 'red',
        frame: 'ffffffffffff',
      },
    ],
  };
}

export interface FakeLogic extends LogicControl {
  wished(): WishedLogic[];
  /** Names of files are those of logics. */
  lookAt(wanted: readonly LogicWish[]): WishedLogic[];
  become(wished: readonly WishedLogic[]): Promise<void>;
}

export function fakeLogic(): FakeLogic {
  const logics = new Map<string, LogicView>();
  let ids = 0;
  const notFound = (message: string): TswitchError => new TswitchError('LOGIC_NOT_FOUND', message);
  const show = (name: string): LogicView => {
    const found = logics.get(name);
    if (!found) throw notFound(`no logic ${name} is loaded: \`tswitch logic ls\` shows those that are`);
    return found;
  };
  const put = (view: LogicView): LogicView => {
    logics.set(view.name, view);
    return view;
  };
  const fake: FakeLogic = {
    wished: () =>
      [...logics.values()].flatMap(({ name, ports, vlans, live, shadow }) =>
        [live, shadow].flatMap((each) => {
          if (!each) return [];
          const { file, sha256, params } = each;
          return [{ name, file, sha256, params, ports, vlans, shadow: each === shadow }];
        }),
      ),
    lookAt: (wanted) =>
      wanted.map(({ file, params = {}, ports = [], vlans = [], shadow = false }) => {
        return { name: nameOf(file), file, sha256: '00'.repeat(32), params, ports, vlans, shadow };
      }),
    become: async (wished) => {
      logics.clear();
      for (const logic of wished) await fake.load(logic);
    },
    list: () => [...logics.values()],
    show,
    load: async ({ file, params = {}, shadow = false, ports = [], vlans = [] }) => {
      const name = nameOf(file);
      if (name === 'broken')
        throw new TswitchError('LOGIC_REFUSED', `${file} is not loaded: it is broken`, { stack: null });
      const before = logics.get(name) ?? { name, ports, vlans, live: null, shadow: null, previous: null, missing: [] };
      const made = version(++ids, file, params);
      return put(
        shadow
          ? { ...before, ports, vlans, shadow: made }
          : { ...before, ports, vlans, live: made, previous: before.live },
      );
    },
    change: async (name, { params = {}, ports, vlans }) => {
      const view = show(name);
      const live = view.live && { ...view.live, params: { ...view.live.params, ...params } };
      return put({ ...view, live, ports: ports ?? view.ports, vlans: vlans ?? view.vlans });
    },
    promote: async (name) => {
      const view = show(name);
      if (!view.shadow) throw notFound(`logic ${name} has no version in shadow`);
      return put({ ...view, live: view.shadow, shadow: null, previous: view.live });
    },
    rollback: async (name) => {
      const view = show(name);
      if (!view.previous) throw notFound(`logic ${name} has no version before this one`);
      return put({ ...view, live: view.previous, previous: view.live });
    },
    unload: async (name, shadowOnly) => {
      const view = show(name);
      if (shadowOnly) put({ ...view, shadow: null });
      else logics.delete(name);
    },
    diff: (name) => {
      if (!show(name).shadow) throw notFound(`logic ${name} has no version in shadow`);
      const ends = { port: 'red', vlan: 10, length: 60, frame: 'ffffffffffff', summary: 'ARP who-has' };
      const sample = {
        time: '2026-01-31T12:00:01.000Z',
        ...ends,
        live: 'flood',
        shadow: 'drop NOT_ALLOWED',
        bytes: null,
      };
      const rewritten = { live: 'flood', shadow: 'flood', bytes: { at: 30, live: '0a000002', shadow: '0a000063' } };
      return { name, compared: 200, different: 3, samples: [sample, { ...sample, ...rewritten }] };
    },
  };
  return fake;
}

function nameOf(file: string): string {
  return file.split('/').at(-1)!.split('.')[0]!;
}
