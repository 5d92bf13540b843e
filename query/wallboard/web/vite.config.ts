import { defineConfig } from 'vite'

export default defineConfig({
  base: '/',
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    assetsDir: 'assets',
    assetsInlineLimit: 0, // the Content-Security-Policy need not allow data: for more than images
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: false,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'], // light-dark() stays as it is
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': process.env['FLOORWALKER_URL'] ?? 'http://127.0.0.1:8080' },
  },
})
