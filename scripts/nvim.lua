-- Loaded by scripts/nvim before any file: the module and the server of this clone.
local clone = vim.env.SPARK_LSP_CLONE
local escaped = (clone .. '/editors/neovim'):gsub(',', '\\,')
vim.opt.runtimepath:prepend(escaped)
require('spark_lsp').setup({ config = { cmd = { clone .. '/.venv/bin/spark-lsp', 'serve' } } })
