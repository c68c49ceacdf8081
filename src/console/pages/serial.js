// Why: a server's serial line in a browser, by xterm.js.

import { Terminal } from './xterm/xterm.js';
import { screen, socketUrl, tell, tellEnd } from './console.js';

const terminal = new Terminal({ cols: 80, rows: 25, scrollback: 5000 });
const socket = new WebSocket(socketUrl(), ['binary']);
const bytes = new TextEncoder();
let opened = false;

socket.binaryType = 'arraybuffer';
socket.onopen = () => {
  opened = true;
  tell('Connected; Enter shows whether somebody is there.');
  terminal.focus();
};
socket.onmessage = ({ data }) => terminal.write(new Uint8Array(data));
socket.onclose = () => tellEnd(opened);
terminal.open(screen);
terminal.onData((text) => {
  if (socket.readyState === WebSocket.OPEN) socket.send(bytes.encode(text));
});
