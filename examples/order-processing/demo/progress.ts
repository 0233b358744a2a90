// One line that says how far it is: rewritten on a terminal, now and then a new one elsewhere.

const terminal = process.stdout.isTTY;
let last = 0;

export const show = (line: string): void => {
  if (terminal) process.stdout.write(`\r\u001B[2K${line.slice(0, process.stdout.columns - 1)}`);
  else if (performance.now() - last > 2_000) {
    console.log(line);
    last = performance.now();
  }
};

export const clear = (): void => {
  if (terminal) process.stdout.write("\r\u001B[2K");
};
