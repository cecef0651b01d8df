/** What `tswitch logic new` writes: a logic that works, and its test. */

/** @param name as LOGIC_NAME allows */
export function logicTemplate(name: string): string {
  return `/**
 * Your own switching logic. It is asked for every frame that was let in, before the built-in \`learning\`, and decides what it
 * wants to; what it leaves (DEFER), \`learning\` decides.
 *
 *   tswitch logic check ${name}.ts            types, contract, speed, and ${name}.test.ts
 *   tswitch logic load ${name}.ts --shadow    tries it beside the live logic: nothing changes
 *   tswitch logic diff ${name}                what it would have done otherwise
 *   tswitch logic promote ${name}             makes it live
 */
import { DEFER, defineLogic } from 'tswitch/logic';

/** EtherType of the protocol for local experiments (IEEE 802-2014, 9.2.4). */
const EXPERIMENTAL = 0x88b5;

export default defineLogic({
  name: '${name}',
  description: 'drops frames of some EtherTypes',
  // What can be set while it runs: tswitch logic set ${name} drop='[2048]'. Must do without any.
  params: (z) =>
    z.object({
      drop: z.array(z.int().min(0).max(0xffff)).default([EXPERIMENTAL]).describe('EtherTypes that are dropped'),
    }),
  // Your own drop reasons, each with a sentence; \`explain\`, \`diff\` and \`show\` use them.
  drops: { UNWANTED_TYPE: 'its EtherType is one of those that are dropped' },
  counters: { seen: 'frames looked at' },
  // Runs once in every worker, and again when parameters or ports change.
  create: ({ params, drop, counters }) => {
    const isDropped = new Uint8Array(0x10000);
    for (const type of params.drop) isDropped[type] = 1;
    return {
      // Runs for every frame. Give DEFER, FLOOD, a port's handle (ports.handleOf('red')), or one of your drop reasons.
      frame: (frame) => {
        counters.seen.add();
        return isDropped[frame.etherType] === 1 ? drop.UNWANTED_TYPE : DEFER;
      },
    };
  },
});
`;
}

export function testTemplate(name: string): string {
  return `/** Run by \`tswitch logic check ${name}.ts\`. The sandbox is the real switch, without root and without a kernel. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, frame, mac, sandbox } from 'tswitch/sandbox';
import logic from './${name}.ts';

test('an unwanted frame is dropped, others are forwarded', () => {
  const lan = sandbox({ ports: ['a', 'b', 'c'], logic, params: { drop: [0x1234] } });
  assert.equal(lan.outcome('a', frame({ src: mac(1), etherType: 0x1234 })), 'drop UNWANTED_TYPE');
  assert.equal(lan.outcome('a', frame({ src: mac(1) })), 'b c');
  assert.equal(lan.outcome('b', frame({ src: mac(2), dst: mac(1) })), 'a');
  assert.deepEqual(lan.counters(), { seen: 3 });
});

test('it keeps the contract', () => {
  for (const { rule, holds, text } of contract(logic)) assert.ok(holds, \`\${rule}: \${text}\`);
});
`;
}
