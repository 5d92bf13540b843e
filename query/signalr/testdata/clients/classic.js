// The classic client, npm signalr with jQuery in a window of jsdom, through what a page does with it.
//
// Standard input: {"scenarios":[{"transport":"webSockets","url":"http://127.0.0.1:1/push/signalr","token":"ann"},…]}.
// All run side by side; one line of JSON per scenario comes out: {"transport","id","received":[…],"states":[…],"echo","refused"}.
'use strict';
const fs = require('fs');
const {JSDOM} = require('jsdom');

const source = name => fs.readFileSync(require.resolve(name), 'utf8');

function page(url) {
  const window = new JSDOM('', {url, runScripts: 'outside-only'}).window;
  window.EventSource = require('eventsource');
  window.eval(source('jquery'));
  window.eval(source('signalr'));
  return window;
}

// until waits for a condition of what the scenario has seen; every event of it calls check.
function until(scene, condition) {
  return new Promise(resolve => {
    scene.checks.push(() => condition() && resolve());
    scene.check();
  });
}

async function run({transport, url, token}) {
  const window = page(url);
  const connection = window.$.hubConnection(url, {useDefaultPath: false, qs: {access_token: token}});
  connection.reconnectDelay = window.$.signalR.transports.longPolling.reconnectDelay = 200; // not 2 and 3 s
  const hub = connection.createHubProxy('FloorHub');
  const scene = {received: [], states: [], checks: [], check() { this.checks.forEach(f => f()); }};
  const saw = state => { scene.states.push(state); scene.check(); };
  hub.on('told', number => { scene.received.push(number); scene.check(); });
  connection.reconnecting(() => saw('reconnecting'));
  connection.reconnected(() => saw('reconnected'));
  connection.disconnected(() => saw('disconnected'));

  await connection.start({transport});
  const id = connection.id;
  const echo = await hub.invoke('echo', 'ä', {x: 1});
  const refused = await hub.invoke('fail').then(() => 'nothing', error => error.message);
  await hub.invoke('tell', 0, 5);
  await until(scene, () => scene.received.length >= 5);
  hub.invoke('lose', 5, 10).fail(() => {}); // what was said while it was away
  await until(scene, () => scene.states.includes('reconnected') && scene.received.length >= 10);
  await hub.invoke('tell', 10, 15);
  await until(scene, () => scene.received.length >= 15);
  connection.stop(false, true);
  await until(scene, () => scene.states.includes('disconnected'));
  return {transport, id, echo, refused, received: scene.received, states: scene.states};
}

const {scenarios} = JSON.parse(fs.readFileSync(0));
Promise.all(scenarios.map(run)).then(results => {
  process.stdout.write(JSON.stringify(results), () => process.exit(0)); // windows keep timers
}, error => {
  console.error(error && error.stack || error, error && error.context || '');
  process.exit(1);
});
