/**
 * Asks the C compiler what the kernel's headers say: evaluates constant expressions by compiling a small program that
 * prints them, and running it.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @returns the value of each expression, by the same key; throws with the compiler's words if one does not compile */
export function evaluateInC(headers: readonly string[], expressions: Record<string, string>): Record<string, number> {
  const prints = Object.entries(expressions).map(
    ([key, expression]) => `  printf("${key} %lld\\n", (long long)(${expression}));`,
  );
  const program = [...includes(['stddef.h', 'stdio.h', ...headers]), 'int main(void) {', ...prints, '}', ''].join('\n');
  return withSource(program, (source, directory) => {
    const binary = join(directory, 'numbers');
    execFileSync('cc', ['-o', binary, source], { stdio: 'pipe' });
    const lines = execFileSync(binary, { encoding: 'utf8' }).trim().split('\n');
    return Object.fromEntries(lines.map((line) => line.split(' ')).map(([key, value]) => [key!, Number(value)]));
  });
}

/** Whether the headers know the expression. */
export function compilesInC(headers: readonly string[], expression: string): boolean {
  const program = [...includes(['stddef.h', ...headers]), `long long number = (${expression});`, ''].join('\n');
  return withSource(program, (source) => {
    try {
      execFileSync('cc', ['-fsyntax-only', source], { stdio: 'pipe' });
      return true;
    } catch {
      return false;
    }
  });
}

function includes(headers: readonly string[]): string[] {
  return ['#define _GNU_SOURCE', ...headers.map((header) => `#include <${header}>`)];
}

function withSource<T>(program: string, use: (source: string, directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'abi-'));
  try {
    const source = join(directory, 'numbers.c');
    writeFileSync(source, program);
    return use(source, directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
