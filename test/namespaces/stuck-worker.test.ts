/** A worker that nobody can end, as it waits in the kernel for ever: it is replaced, and the daemon ends all the same. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Daemon } from '../support/daemon.ts';
import { makeFolder } from '../support/folder.ts';
import { BROADCAST, frame, mac } from '../support/frames.ts';
import { Lab, until } from '../support/lab.ts';

const lab = new Lab();
afterEach(() => lab.close());

const ETHERTYPE = 0x9999;

test('SIGTERM ends a daemon one of whose workers waits in the kernel for ever', async () => {
  const folder = makeFolder(lab);
  const [fifo, file] = [join(folder, 'fifo'), join(folder, 'stuck.ts')];
  execFileSync('mkfifo', [fifo]);
  writeFileSync(
    file,
    `import { openSync, readSync } from 'node:fs';
import { DEFER, defineLogic } from 'tswitch/logic';
export default defineLogic({
  name: 'stuck',
  description: 'waits for what never comes',
  create: () => ({
    frame: (frame) => {
      if (frame.etherType === ${ETHERTYPE}) readSync(openSync('${fifo}', 'r+'), new Uint8Array(1));
      return DEFER;
    },
  }),
});
`,
  );
  const daemon = await Daemon.start(lab, { args: ['--workers', '1'] });
  const host = await lab.netns('host', { ipv6: false });
  expect((await daemon.api.post('/v1/ports', { name: 'host', kind: 'veth', netns: host.name })).status).toBe(201);
  await host.connected();
  expect((await daemon.api.post('/v1/logic', { file })).status).toBe(201);
  host.wire().send(frame({ src: mac(1), dst: BROADCAST, etherType: ETHERTYPE }));
  await until('the worker to be replaced', () => daemon.stderr.includes('worker replaced'));
  daemon.child.kill('SIGTERM');
  expect(await daemon.ended).toBe(0);
  expect(daemon.stderr).toContain('a worker cannot be ended: the process ends all the same');
});
