--- spark-lsp: ghost text and targeted edits from a fast code model.
---
--- Put this directory on 'runtimepath' and enable the server (Neovim 0.11 and later):
---
---   vim.lsp.enable('spark_lsp')
---
--- or let `require('spark_lsp').setup()` do that and the rest (ghost text, <Tab>, an input box).
---
--- Settings go below `settings.spark`; all have working defaults:
---
---   vim.lsp.config('spark_lsp', {
---     settings = { spark = { completion = { maxLines = 1 }, edit = { effort = 'fast' } } },
---   })

---@type vim.lsp.Config
return {
  cmd = { 'spark-lsp', 'serve' },
  -- No filetypes: it serves every file. Buffers that are no files (help, terminals, prompts) are left alone.
  root_dir = function(bufnr, on_dir)
    if vim.bo[bufnr].buftype == '' and vim.api.nvim_buf_get_name(bufnr) ~= '' then
      on_dir(vim.fs.root(bufnr, '.git') or vim.fn.getcwd())
    end
  end,
  settings = { spark = vim.empty_dict() },
  commands = {
    -- An edit with an instruction needs a sentence from the person before the server can begin.
    ['spark.edit'] = function(command, ctx)
      require('spark_lsp').edit(command, ctx)
    end,
  },
}
