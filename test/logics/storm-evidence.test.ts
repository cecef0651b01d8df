import { expect, test } from 'vitest';
import stormEvidence from '../../examples/logics/storm-evidence.ts';
import { frame, mac, sandbox } from '../../src/sdk/sandbox.ts';

test('a source may send so many group frames a second; what is more is dropped, and some of it shown', () => {
  const ports = { a: {}, b: {}, watch: { vlan: 99 } };
  const lan = sandbox({ ports, logic: stormEvidence, params: { framesPerSecond: 10, evidencePort: 'watch' } });
  const storm = (src: number, count: number): [number, number] => {
    const sent = lan.sendAll(
      'a',
      Array.from({ length: count }, () => frame({ src: mac(src) })),
    );
    return [sent.get('b')?.length ?? 0, sent.get('watch')?.length ?? 0];
  };
  expect(storm(1, 215)).toEqual([10, 3]);
  expect(storm(2, 10)).toEqual([10, 0]);
  expect(lan.outcome('b', frame({ src: mac(3), dst: mac(1) }))).toBe('a');
  lan.advance(1000);
  expect(storm(1, 5)).toEqual([5, 0]);
  expect(lan.counters()).toEqual({ evidence: 3, offenders: 1 });
  expect(lan.drops()).toMatchObject({ STORM: 205 });
  // Whoever has been silent is forgotten, and has its share again.
  lan.advance(60_000);
  expect(storm(1, 20)).toEqual([10, 1]);
});
