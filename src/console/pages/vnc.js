// Why: a server's screen in a browser, by noVNC.

import RFB from './novnc/core/rfb.js';
import { screen, socketUrl, tell, tellEnd } from './console.js';

const keys = document.getElementById('keys');
const view = new RFB(screen, socketUrl(), { shared: true, wsProtocols: ['binary'] });
view.scaleViewport = true;
let opened = false;

view.addEventListener('connect', () => {
  opened = true;
  keys.disabled = false;
  tell('Connected');
  view.focus();
});
view.addEventListener('desktopname', ({ detail }) => {
  document.title = detail.name;
});
view.addEventListener('disconnect', () => {
  keys.disabled = true;
  tellEnd(opened);
});
keys.addEventListener('click', () => {
  view.sendCtrlAltDel();
  view.focus();
});
