// The client of ASP.NET Core SignalR, npm @microsoft/signalr. Input and output are those of classic.js.
'use strict';
const fs = require('fs');
const {HubConnectionBuilder, HttpTransportType, LogLevel} = require('@microsoft/signalr');

const transports = {
  webSockets: HttpTransportType.WebSockets,
  serverSentEvents: HttpTransportType.ServerSentEvents,
  longPolling: HttpTransportType.LongPolling,
};

function until(scene, condition) {
  return new Promise(resolve => {
    scene.checks.push(() => condition() && resolve());
    scene.check();
  });
}

async function run({transport, url, token, skip}) {
  const options = {transport: transports[transport], accessTokenFactory: () => token, skipNegotiation: !!skip};
  const connection = new HubConnectionBuilder().withUrl(url, options).withAutomaticReconnect([0, 50, 100, 200, 400, 800])
    .configureLogging(LogLevel.None).build();
  const scene = {received: [], states: [], checks: [], check() { this.checks.forEach(f => f()); }};
  const saw = state => { scene.states.push(state); scene.check(); };
  connection.on('told', number => { scene.received.push(number); scene.check(); });
  connection.onreconnecting(() => saw('reconnecting'));
  connection.onreconnected(() => saw('reconnected'));
  connection.onclose(() => saw('disconnected'));

  await connection.start();
  const id = connection.connectionId;
  const echo = await connection.invoke('echo', 'ä', {x: 1});
  const refused = await connection.invoke('fail').then(() => 'nothing', error => error.message);
  await connection.send('tell', 0, 5);
  await until(scene, () => scene.received.length >= 5);
  connection.invoke('lose', 0, 0).catch(() => {});
  await until(scene, () => scene.states.includes('reconnected'));
  await connection.invoke('tell', 5, 10); // a new connection: it asks anew
  await until(scene, () => scene.received.length >= 10);
  await connection.stop();
  return {transport, id, echo, refused, received: scene.received, states: scene.states};
}

const {scenarios} = JSON.parse(fs.readFileSync(0));
Promise.all(scenarios.map(run)).then(results => {
  process.stdout.write(JSON.stringify(results), () => process.exit(0));
}, error => {
  console.error(error && error.stack || error);
  process.exit(1);
});
