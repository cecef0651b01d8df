/** Which cores a run uses, of those this process may run on. */
import { readFileSync } from 'node:fs';
import type { Bench } from './system/subject.ts';

/** The generator has one, the switch another, or the same where there is one only; several workers have all but the first. */
export function chooseCores(): Pick<Bench, 'generatorCore' | 'switchCore' | 'workerCores'> {
  const [generatorCore = 0, ...others] = allowedCores();
  const switchCore = others[0] ?? generatorCore;
  return { generatorCore, switchCore, workerCores: (others.length > 0 ? others : [switchCore]).join(',') };
}

function allowedCores(): number[] {
  const list = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, k) => first + k);
  });
}
