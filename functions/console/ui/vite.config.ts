import { copyFileSync, mkdirSync } from 'node:fs'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

/** The API's description is shown without asking another host for anything. */
function swagger(): Plugin {
  const from = 'node_modules/swagger-ui-dist'
  return {
    name: 'swagger',
    apply: 'build',
    closeBundle() {
      mkdirSync('dist/swagger', { recursive: true })
      for (const file of ['swagger-ui.css', 'swagger-ui-bundle.js']) copyFileSync(`${from}/${file}`, `dist/swagger/${file}`)
    },
  }
}

export default defineConfig({
  plugins: [react(), swagger()],
  build: { target: 'es2022', chunkSizeWarningLimit: 1500 },
  server: { proxy: { '/api': 'http://127.0.0.1:8080', '/openapi.json': 'http://127.0.0.1:8080' } },
})
